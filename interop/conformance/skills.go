package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-mcp/mcpclient"
)

// methodListSkills is the method of the skills extension (SEP-2640) that lists what a server offers. The library knows nothing of
// skills: this file is what an application that wants them writes over Session.Request and Session.ReadResource.
const methodListSkills = "skills/list"

// maxSkills bounds a list whose cursors never end.
const maxSkills = 1000

// A skill is the server's entry for one skill: where its text is, what the text says of itself, and its files with their digests.
type skill struct {
	URI         string         `json:"uri"`
	Frontmatter map[string]any `json:"frontmatter"`
	Resources   []skillFile    `json:"resources"`
}

type skillFile struct {
	URI    string `json:"uri"`
	Digest string `json:"digest"` // "sha256:" and hexadecimal digits
	Size   int    `json:"size"`   // in bytes
}

// listSkills lists the skills and reads none: a file may be read only when its skill is loaded.
func listSkills(ctx context.Context, s *mcpclient.Session) error {
	_, err := skills(ctx, s)
	return err
}

// loadSkills loads every skill. It ends at the first that is not what its entry says.
func loadSkills(ctx context.Context, s *mcpclient.Session) error {
	found, err := skills(ctx, s)
	if err != nil {
		return err
	}
	for _, entry := range found {
		if err := load(ctx, s, entry); err != nil {
			return fmt.Errorf("skill %s is not loaded: %w", entry.URI, err)
		}
	}
	return nil
}

func skills(ctx context.Context, s *mcpclient.Session) ([]skill, error) {
	var all []skill
	var params struct {
		Cursor string `json:"cursor,omitempty"`
	}
	for {
		var page struct {
			Skills     []skill `json:"skills"`
			NextCursor string  `json:"nextCursor"`
		}
		if err := s.Request(ctx, methodListSkills, params, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Skills...)
		if page.NextCursor == "" {
			return all, nil
		}
		if params.Cursor = page.NextCursor; len(all) > maxSkills {
			return nil, errors.New("the list of skills does not end")
		}
	}
}

// load reads a skill's text and then its other files. Nothing of it is used before it has been verified, and nothing more is read
// after something that was not what it should be.
func load(ctx context.Context, s *mcpclient.Session, entry skill) error {
	text, err := readVerified(ctx, s, entry, entry.URI)
	if err != nil {
		return err
	}
	frontmatter, err := parseFrontmatter(text)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(frontmatter, entry.Frontmatter) {
		return fmt.Errorf("its frontmatter is %v, not %v", frontmatter, entry.Frontmatter)
	}
	for _, file := range entry.Resources {
		if file.URI == entry.URI {
			continue
		}
		if _, err := readVerified(ctx, s, entry, file.URI); err != nil {
			return err
		}
	}
	return nil
}

// readVerified reads one file of a skill and compares it with what its entry says.
func readVerified(ctx context.Context, s *mcpclient.Session, entry skill, uri string) ([]byte, error) {
	var want *skillFile
	for i := range entry.Resources {
		if entry.Resources[i].URI == uri {
			want = &entry.Resources[i]
		}
	}
	if want == nil {
		return nil, fmt.Errorf("%s is none of its files", uri)
	}
	read, err := s.ReadResource(ctx, uri)
	if err != nil {
		return nil, err
	}
	if len(read.Contents) != 1 {
		return nil, fmt.Errorf("%s has %d contents instead of one", uri, len(read.Contents))
	}
	content := []byte(read.Contents[0].Text)
	if read.Contents[0].IsBlob() {
		content = read.Contents[0].Blob
	}
	if len(content) != want.Size {
		return nil, fmt.Errorf("%s has %d bytes, not %d", uri, len(content), want.Size)
	}
	sum := sha256.Sum256(content)
	if digest := "sha256:" + hex.EncodeToString(sum[:]); digest != want.Digest {
		return nil, fmt.Errorf("%s has the digest %s, not %s", uri, digest, want.Digest)
	}
	return content, nil
}

// parseFrontmatter reads the YAML between the two lines of three dashes at the beginning of a text.
func parseFrontmatter(text []byte) (map[string]any, error) {
	rest, begins := bytes.CutPrefix(text, []byte("---\n"))
	block, _, ends := bytes.Cut(rest, []byte("\n---\n"))
	if !begins || !ends {
		return nil, errors.New("it has no frontmatter")
	}
	var fields map[string]any
	if err := yaml.Unmarshal(block, &fields); err != nil {
		return nil, fmt.Errorf("its frontmatter is no YAML: %w", err)
	}
	return fields, nil
}
