package main

import (
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"
)

// A panel is one diagram over time.
type panel struct {
	Title  string
	Top    int // of its area, in the plot
	Most   string
	Curves []curve
}

// A curve is drawn as one line.
type curve struct{ Name, Colour, Points string }

// Sizes of the plot, in its own units.
const (
	plotWidth, panelHeight = 800, 120
	plotLeft, panelGap     = 70, 50
)

// series is a curve before it is scaled.
type series struct {
	name, colour string
	at           []time.Duration
	values       []float64
}

func (s *series) add(at time.Duration, value float64) {
	s.at, s.values = append(s.at, at), append(s.values, value)
}

// writePlot draws what was found as an SVG.
func writePlot(to io.Writer, p plan, f *findings) error {
	heap, rss := series{name: "live heap", colour: "#1b7837"}, series{name: "resident", colour: "#762a83"}
	goroutines := series{name: "goroutines, at rest", colour: "#2166ac"}
	for _, r := range f.Readings {
		heap.add(r.At, float64(r.Live)/(1<<20))
		rss.add(r.At, float64(r.RSS)/(1<<20))
		goroutines.add(r.At, float64(r.Goroutines))
	}
	ok, bad := series{name: "ok", colour: "#1b7837"}, series{name: "failed", colour: "#b2182b"}
	p99, losses := series{name: "p99", colour: "#e08214"}, series{name: "lost sessions", colour: "#2166ac"}
	var before sample
	for _, s := range f.Samples {
		seconds := (s.At - before.At).Seconds()
		ok.add(s.At, float64(s.OK-before.OK)/seconds)
		bad.add(s.At, float64(s.Begun-s.OK-before.Begun+before.OK)/seconds)
		p99.add(s.At, float64(s.P99.Milliseconds()))
		losses.add(s.At, float64(s.Losses))
		before = s
	}
	panels := []panel{
		newPanel(0, "calls per second", f.Duration, ok, bad), newPanel(1, "latency, ms", f.Duration, p99),
		newPanel(2, "lost sessions, in all", f.Duration, losses), newPanel(3, "memory, MiB", f.Duration, heap, rss),
		newPanel(4, "goroutines", f.Duration, goroutines),
	}
	return plotTemplate().Execute(to, map[string]any{
		"Title":  fmt.Sprintf("Soak of %v, %d sessions x %d callers, seed %d", f.Duration.Round(time.Second), p.sessions, p.callers, p.seed),
		"Panels": panels, "Left": plotLeft, "Width": plotWidth, "PanelHeight": panelHeight,
		"Right": plotLeft + plotWidth, "TotalWidth": plotLeft + plotWidth + 150, "TotalHeight": 60 + len(panels)*(panelHeight+panelGap),
		"End": f.Duration.Round(time.Second).String(),
	})
}

func newPanel(number int, title string, whole time.Duration, all ...series) panel {
	p := panel{Title: title, Top: 60 + number*(panelHeight+panelGap)}
	most := 0.0
	for _, s := range all {
		for _, v := range s.values {
			most = max(most, v)
		}
	}
	p.Most = fmt.Sprintf("%.4g", most)
	for _, s := range all {
		p.Curves = append(p.Curves, curve{s.name, s.colour, s.points(p.Top, most, whole)})
	}
	return p
}

// points scales a series into its panel: 0 is at the bottom, most at the top.
func (s *series) points(top int, most float64, whole time.Duration) string {
	var b strings.Builder
	for i, v := range s.values {
		x := plotLeft + plotWidth*min(1, s.at[i].Seconds()/max(whole.Seconds(), 1))
		y := float64(top + panelHeight)
		if most > 0 {
			y -= panelHeight * v / most
		}
		fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
	}
	return strings.TrimSpace(b.String())
}

func plotTemplate() *template.Template {
	functions := template.FuncMap{"add": func(a, b int) int { return a + b }, "times": func(a, b int) int { return a * b }}
	return template.Must(template.New("plot").Funcs(functions).Parse(
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.TotalWidth}} {{.TotalHeight}}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="{{.Left}}" y="24" font-size="15">{{html .Title}}</text>
{{- range $panel := .Panels}}
<text x="{{$.Left}}" y="{{add .Top -8}}">{{html .Title}}</text>
<rect x="{{$.Left}}" y="{{.Top}}" width="{{$.Width}}" height="{{$.PanelHeight}}" fill="none" stroke="#999"/>
<text x="{{add $.Left -6}}" y="{{add .Top 10}}" text-anchor="end">{{.Most}}</text>
<text x="{{add $.Left -6}}" y="{{add .Top $.PanelHeight}}" text-anchor="end">0</text>
<text x="{{$.Right}}" y="{{add (add .Top $.PanelHeight) 14}}" text-anchor="end">{{$.End}}</text>
{{- range $i, $curve := .Curves}}
<polyline points="{{.Points}}" fill="none" stroke="{{.Colour}}" stroke-width="1.5"/>
<text x="{{add $.Right 8}}" y="{{add $panel.Top (add 12 (times $i 16))}}" fill="{{.Colour}}">{{html .Name}}</text>
{{- end}}
{{- end}}
</svg>
`))
}
