package faultnet

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Code is an error code of HTTP/2 (RFC 9113 section 7).
type Code uint32

// The codes that tests use.
const (
	NoError         Code = 0x0
	ProtocolError   Code = 0x1
	InternalError   Code = 0x2
	RefusedStream   Code = 0x7
	Cancel          Code = 0x8
	EnhanceYourCalm Code = 0xb
)

// frameType is the type of a frame (RFC 9113 section 6).
type frameType byte

const (
	frameData         frameType = 0x0
	frameHeaders      frameType = 0x1
	frameReset        frameType = 0x3
	frameSettings     frameType = 0x4
	framePing         frameType = 0x6
	frameGoAway       frameType = 0x7
	frameWindowUpdate frameType = 0x8
)

const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8

	frameHeaderSize = 9
	maxFrame        = 16 << 10 // the largest a peer may send unless it is told otherwise
)

// frame is one frame as it stands on the wire.
type frame struct {
	kind    frameType
	flags   byte
	stream  uint32
	payload []byte
}

func (f frame) has(flag byte) bool { return f.flags&flag != 0 }

// data is the payload of a DATA frame without its padding.
func (f frame) data() []byte {
	if !f.has(flagPadded) || len(f.payload) == 0 {
		return f.payload
	}
	padding := int(f.payload[0])
	return f.payload[1:max(1, len(f.payload)-padding)]
}

func readFrame(r io.Reader) (frame, error) {
	var head [frameHeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	size := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	if size > maxFrame {
		return frame{}, fmt.Errorf("a frame of %d bytes", size)
	}
	f := frame{
		kind: frameType(head[3]), flags: head[4],
		stream:  binary.BigEndian.Uint32(head[5:]) &^ (1 << 31),
		payload: make([]byte, size),
	}
	_, err := io.ReadFull(r, f.payload)
	return f, err
}

func (f frame) appendTo(b []byte) []byte {
	size := uint32(len(f.payload)) //nolint:gosec // below maxFrame
	b = binary.BigEndian.AppendUint32(b, size<<8|uint32(f.kind))
	b = append(b, f.flags)
	b = binary.BigEndian.AppendUint32(b, f.stream)
	return append(b, f.payload...)
}

// numbers is a payload of 32-bit numbers.
func numbers(all ...uint32) []byte {
	var b []byte
	for _, n := range all {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// appendField appends a header field to an HPACK block, as a literal that
// changes no table (RFC 7541 section 6.2.2), its texts without Huffman coding.
func appendField(block []byte, name, value string) []byte {
	block = append(block, 0x00)
	for _, text := range []string{name, value} {
		if len(text) > 126 {
			panic("faultnet: a header field longer than the first byte of a length can say")
		}
		block = append(block, byte(len(text))) //nolint:gosec // checked above
		block = append(block, text...)
	}
	return block
}
