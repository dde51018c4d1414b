// Reads one case from standard input and checks it with the Go checksum database's own code, which
// shares nothing with ours: the two notes, that the record is in the new tree, that the new tree
// continues the old one. Exit status 0: all good. 1: refused, the reason on standard error. 2: no case.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type testCase struct {
	VKey        string
	OldNote     string
	NewNote     string
	Index       int64
	Entry       []byte
	Inclusion   [][]byte
	Consistency [][]byte
}

func main() {
	var c testCase
	if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
		fmt.Fprintln(os.Stderr, "case:", err)
		os.Exit(2)
	}
	if err := check(c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(c testCase) error {
	oldSize, oldRoot, err := openCheckpoint(c.OldNote, c.VKey)
	if err != nil {
		return fmt.Errorf("old note: %w", err)
	}
	newSize, newRoot, err := openCheckpoint(c.NewNote, c.VKey)
	if err != nil {
		return fmt.Errorf("new note: %w", err)
	}
	inclusion, err := hashes(c.Inclusion)
	if err != nil {
		return err
	}
	consistency, err := hashes(c.Consistency)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(inclusion, newSize, newRoot, c.Index, tlog.RecordHash(c.Entry)); err != nil {
		return fmt.Errorf("inclusion: %w", err)
	}
	if err := tlog.CheckTree(consistency, newSize, newRoot, oldSize, oldRoot); err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	return nil
}

// openCheckpoint reads C2SP tlog-checkpoint; tlog.ParseTree reads the checksum database's own form only.
func openCheckpoint(signed, vkey string) (size int64, root tlog.Hash, err error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, root, err
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return 0, root, fmt.Errorf("not a checkpoint: %q", opened.Text)
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return 0, root, err
	}
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(raw) != tlog.HashSize {
		return 0, root, fmt.Errorf("not a root: %q", lines[2])
	}
	copy(root[:], raw)
	return size, root, nil
}

func hashes(raw [][]byte) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(raw))
	for i, item := range raw {
		if len(item) != tlog.HashSize {
			return nil, fmt.Errorf("hash %d has %d bytes", i, len(item))
		}
		copy(list[i][:], item)
	}
	return list, nil
}
