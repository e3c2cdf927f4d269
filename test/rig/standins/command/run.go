package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"
)

// run executes the command and waits for its end and for that of everything that holds its output open.
func run(ctx context.Context, args Args, command string, previous Printed) (Printed, error) {
	interpreter := []string{"/bin/sh", "-c"}
	if args.Interpreter != nil && len(*args.Interpreter) > 0 {
		interpreter = *args.Interpreter
	}
	logging := logBoth
	if args.Logging != nil {
		logging = *args.Logging
	}
	logger := p.GetLogger(ctx)
	kept := &recorder{log: logger.InfoStatus}
	stdout := &stream{kept: kept, logged: logging == logBoth || logging == logStdout}
	stderr := &stream{kept: kept, logged: logging == logBoth || logging == logStderr}

	line := append(slices.Clone(interpreter), command)
	child := exec.CommandContext(ctx, line[0], line[1:]...)
	child.Env = environment(args, previous)
	child.Stdout, child.Stderr = stdout, stderr
	if args.Dir != nil {
		child.Dir = *args.Dir
	}
	if args.Stdin != nil && *args.Stdin != "" {
		child.Stdin = strings.NewReader(*args.Stdin)
	}
	err := child.Run()
	kept.flush()
	if kept.tooLong {
		err = errLongLine
	}
	if err != nil {
		return Printed{}, fmt.Errorf("%w: running %q:\n%s", err, command, kept.both.String())
	}
	return Printed{Stdout: stdout.text(), Stderr: stderr.text()}, nil
}

// environment is the plugin's own, under `environment`, under the previous output. Of a repeated name the last counts.
func environment(args Args, previous Printed) []string {
	all := os.Environ()
	if args.Environment != nil {
		for name, value := range *args.Environment {
			all = append(all, name+"="+value)
		}
	}
	if args.AddPreviousOutputInEnv != nil && !*args.AddPreviousOutputInEnv {
		return all
	}
	if previous.Stdout != "" {
		all = append(all, "PULUMI_COMMAND_STDOUT="+previous.Stdout)
	}
	if previous.Stderr != "" {
		all = append(all, "PULUMI_COMMAND_STDERR="+previous.Stderr)
	}
	return all
}

// The official plugin hangs for ever here, and no cancelling ends it: nothing reads its log any more. The stand-in fails
// once the command has ended.
var errLongLine = errors.New("a line of 64 KiB or more went to the log, where the official plugin hangs for ever; " +
	`set logging to "none"`)

// recorder keeps both streams in the order in which they came, and passes lines on to the log.
type recorder struct {
	mu      sync.Mutex
	both    bytes.Buffer
	line    []byte // begun, not ended
	log     func(string)
	tooLong bool
}

// stream is one of a command's two.
type stream struct {
	kept   *recorder
	own    bytes.Buffer
	logged bool
}

func (s *stream) text() string { return strings.TrimSuffix(s.own.String(), "\n") }

// Write gets what the command wrote, in pieces of any length.
func (s *stream) Write(piece []byte) (int, error) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	s.own.Write(piece)
	s.kept.both.Write(piece)
	if s.logged {
		s.kept.logLines(piece)
	}
	return len(piece), nil
}

func (r *recorder) logLines(piece []byte) {
	for !r.tooLong {
		head, rest, ended := bytes.Cut(piece, []byte("\n"))
		r.line = append(r.line, head...)
		switch {
		case len(r.line) >= bufio.MaxScanTokenSize:
			r.tooLong = true
		case ended:
			r.emit()
			piece = rest
		default:
			return
		}
	}
}

func (r *recorder) emit() {
	r.log(string(bytes.TrimSuffix(r.line, []byte("\r"))))
	r.line = r.line[:0]
}

// flush logs a last line without an end.
func (r *recorder) flush() {
	if len(r.line) > 0 && !r.tooLong {
		r.emit()
	}
}
