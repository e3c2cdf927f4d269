package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

func TestCreate(t *testing.T) {
	t.Setenv("OF_THE_PLUGIN", "plugin")
	t.Setenv("OF_BOTH", "plugin")
	here, err := os.Getwd()
	must(t, err)
	dir := t.TempDir()
	for name, test := range map[string]struct {
		inputs         object
		stdout, stderr string
	}{
		"both streams":              {object{"create": "echo out; echo err >&2"}, "out", "err"},
		"one line end is trimmed":   {object{"create": `printf '\n a \n\n'; printf '\r\n' >&2`}, "\n a \n", "\r"},
		"no line end":               {object{"create": "printf a"}, "a", ""},
		"the default interpreter":   {object{"create": `printf "$0 $1"`}, "/bin/sh ", ""},
		"another interpreter":       {object{"create": "a  b", "interpreter": []any{"printf", "<%s>"}}, "<a  b>", ""},
		"an empty interpreter":      {object{"create": `printf "$0"`, "interpreter": []any{}}, "/bin/sh", ""},
		"the default directory":     {object{"create": "pwd"}, here, ""},
		"another directory":         {object{"create": "pwd", "dir": dir}, dir, ""},
		"stdin":                     {object{"create": "cat", "stdin": "in\n"}, "in", ""},
		"no stdin":                  {object{"create": "cat; readlink /proc/self/fd/0"}, "/dev/null", ""},
		"empty stdin":               {object{"create": "readlink /proc/self/fd/0", "stdin": ""}, "/dev/null", ""},
		"unread stdin":              {object{"create": "true", "stdin": strings.Repeat("x", 1<<20)}, "", ""},
		"the environment is merged": {object{"create": `echo "$OF_THE_PLUGIN $OF_BOTH $MORE"`, "environment": object{"OF_BOTH": "given", "MORE": "a b"}}, "plugin given a b", ""},
		"nothing to run":            {object{"environment": object{"A": "b"}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			made := start(t).up(test.inputs)
			equal(t, "stdout", made.stdout(), test.stdout)
			equal(t, "stderr", made.stderr(), test.stderr)
			if !strings.HasPrefix(string(made.id), "job") || len(made.id) != len("job")+8 {
				t.Errorf("id %q is not the name and 8 characters", made.id)
			}
			for name, value := range made.inputs {
				if !value.DeepEquals(made.outputs[name]) {
					t.Errorf("the state's %s is %v, not the input", name, made.outputs[name])
				}
			}
			equal(t, "properties", len(made.outputs), len(made.inputs)+2)
		})
	}
}

func TestNulls(t *testing.T) {
	e := start(t)
	made := e.up(object{
		"create": `echo "${A-unset} $B"`, "environment": object{"A": nil, "B": secret("b")}, "dir": nil,
		"triggers": []any{nil, object{"c": nil}, []any{}},
	})
	equal(t, "stdout", made.stdout(), "unset b")
	equal(t, "environment is recorded", made.outputs["environment"].String(), "{map[B:{&{{b}}}]}")
	equal(t, "triggers are recorded", made.outputs["triggers"].String(), "{[{<nil>} {map[]} {[]}]}")
}

func TestFailure(t *testing.T) {
	e := start(t)
	const command = `echo 1; sleep 0.3; echo "2" >&2; sleep 0.3; printf 3; exit 7`
	made, err := e.tryUp(object{"create": command, "logging": "none"})
	equal(t, "error", err.Error(), `exit status 7: running "echo 1; sleep 0.3; echo \"2\" >&2; sleep 0.3; printf 3; exit 7":`+"\n1\n2\n3")
	equal(t, "id", made.id, "")
	equal(t, "outputs", len(made.outputs), 0)

	_, err = e.tryUp(object{"create": "kill -TERM $$"})
	equal(t, "a signal", err.Error(), `signal: terminated: running "kill -TERM $$":`+"\n")
	_, err = e.tryUp(object{"create": "a", "interpreter": []any{"/no/such"}})
	equal(t, "no interpreter", err.Error(), `fork/exec /no/such: no such file or directory: running "a":`+"\n")
	_, err = e.tryUp(object{"create": "a", "dir": "/no/such"})
	equal(t, "no directory", err.Error(), `chdir /no/such: no such file or directory: running "a":`+"\n")

	good := e.up(object{"create": "echo first"})
	failed, err := e.tryUpdate(good, object{"create": "echo second; exit 1"}, false)
	equal(t, "a failed update", err.Error(), `exit status 1: running "echo second; exit 1":`+"\nsecond\n")
	equal(t, "its outputs", len(failed.outputs), 0)
}

func TestPreviousOutput(t *testing.T) {
	e := start(t)
	const show = `echo "<$PULUMI_COMMAND_STDOUT|$PULUMI_COMMAND_STDERR>"; echo err >&2`
	t.Setenv("PULUMI_COMMAND_STDOUT", "")
	first := e.up(object{"create": show})
	equal(t, "a create has none", first.stdout(), "<|>")
	second := e.update(first, object{"create": show, "dir": "/"})
	equal(t, "by default", second.stdout(), "<<|>|err>")
	equal(t, "switched on", e.update(first, object{"create": show, "addPreviousOutputInEnv": true}).stdout(), "<<|>|err>")
	equal(t, "switched off", e.update(first, object{"create": show, "addPreviousOutputInEnv": false}).stdout(), "<|>")
	equal(t, "it wins over the environment", e.update(first, object{
		"create": show, "environment": object{"PULUMI_COMMAND_STDOUT": "mine", "PULUMI_COMMAND_STDERR": "mine"},
	}).stdout(), "<<|>|err>")

	// One variable may have 128 KiB, its name included.
	large := e.up(object{"create": "head -c 131072 /dev/zero | tr '\\0' x", "logging": "none"})
	equal(t, "a large output", len(large.stdout()), 131072)
	_, err := e.tryUpdate(large, object{"create": "true"}, false)
	equal(t, "too large for the environment", err.Error(),
		`fork/exec /bin/sh: argument list too long: running "true":`+"\n")
	e.update(large, object{"create": "true", "addPreviousOutputInEnv": false})
}

func TestLogging(t *testing.T) {
	// The pauses make the order of the two streams certain.
	const create = `printf 'out 1\r\n\nout'; sleep 0.3; printf ' 2\n'; sleep 0.3; printf 'err' >&2`
	for logging, expected := range map[string]string{
		"":                "out 1||out 2|err",
		"stdoutAndStderr": "out 1||out 2|err",
		"stdout":          "out 1||out 2",
		"stderr":          "err",
		"none":            "",
	} {
		t.Run(logging, func(t *testing.T) {
			e := start(t)
			inputs := object{"create": create, "update": "echo updated", "delete": "echo deleted"}
			if logging != "" {
				inputs["logging"] = logging
			}
			made := e.up(inputs)
			equal(t, "stdout", made.stdout(), "out 1\r\n\nout 2")
			equal(t, "stderr", made.stderr(), "err")
			equal(t, "log", strings.Join(e.logged(), "|"), expected)
			for _, one := range e.log.Logs() {
				equal(t, "severity", one.GetSeverity().String(), "INFO")
				equal(t, "urn", one.GetUrn(), string(job))
				equal(t, "is shown while it runs only", one.GetEphemeral(), true)
			}
			must(t, e.down(e.update(made, inputs)))
			if logging == "none" || logging == "stderr" {
				return
			}
			equal(t, "the log of update and delete", strings.Join(e.logged()[len(e.logged())-2:], "|"), "updated|deleted")
		})
	}
}

// line prints one of that length.
func line(length string) string {
	return "head -c " + length + " /dev/zero | tr '\\0' x; echo; echo end"
}

func TestLongLine(t *testing.T) {
	e := start(t)
	made := e.up(object{"create": line("65536") + "; { " + line("1048576") + "; } >&2", "logging": "none"})
	equal(t, "stdout with logging none", len(made.stdout()), 65536+len("\nend"))
	equal(t, "stderr with logging none", len(made.stderr()), 1048576+len("\nend"))
	equal(t, "log", len(e.logged()), 0)
	e.up(object{"create": line("65536"), "logging": "stderr"})
	made = e.up(object{"create": line("65535")})
	equal(t, "stdout", len(made.stdout()), 65535+len("\nend"))
	equal(t, "lines in the log", len(e.logged()), 2)
}

func TestLongLineInTheLog(t *testing.T) {
	standInOnly(t) // the official plugin never returns
	e := start(t)
	for _, create := range []string{line("65536"), "{ " + line("1048576") + "; } >&2"} {
		_, err := e.tryUp(object{"create": create})
		equal(t, create, strings.HasPrefix(err.Error(), errLongLine.Error()+`: running "`), true)
		_, err = e.tryUp(object{"create": create + "; exit 1"})
		equal(t, create, strings.HasPrefix(err.Error(), errLongLine.Error()+`: running "`), true)
	}
}

func TestNotText(t *testing.T) {
	e := start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	made, err := e.tryUp(object{"create": `printf 'a\377' >&2; touch ` + trace})
	contains(t, err.Error(), "string field contains invalid UTF-8")
	equal(t, "id", made.id, "")
	equal(t, "the command ran", read(t, trace), "")
	good := e.up(object{"create": "echo ö", "delete": `printf 'a\377'`})
	_, err = e.tryUpdate(good, object{"create": `printf 'a\377'`}, false)
	contains(t, err.Error(), "string field contains invalid UTF-8")
	must(t, e.down(good)) // what a delete prints is not sent
}

// running creates a command that says "started". @returns what ends with it
func running(t *testing.T, e *engine, inputs object, timeout float64) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	in := e.checked(values(inputs), false)
	go func() {
		_, err := e.Create(context.Background(), plugin.CreateRequest{URN: job, Properties: in, Timeout: timeout})
		ended <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); !slices.Contains(e.logged(), "started"); {
		if time.Now().After(deadline) {
			t.Fatal("the command did not start")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ended
}

func TestCancel(t *testing.T) {
	e := start(t)
	ended := running(t, e, object{"create": "echo started; exec sleep 60"}, 0)
	began := time.Now()
	must(t, e.SignalCancellation(context.Background()))
	equal(t, "error", (<-ended).Error(), `signal: killed: running "echo started; exec sleep 60":`+"\nstarted\n")
	equal(t, "it waits for the command", time.Since(began) > 20*time.Second, false)
}

// Only the process itself is killed. What it started goes on, and the plugin waits as long as that holds its output.
func TestCancelLeavesChildren(t *testing.T) {
	e := start(t)
	trace := filepath.Join(t.TempDir(), "trace")
	ended := running(t, e, object{"create": "(sleep 2; echo alive >" + trace + ") & echo started; wait"}, 0)
	must(t, e.SignalCancellation(context.Background()))
	err := <-ended
	if !strings.HasPrefix(err.Error(), "signal: killed: ") {
		t.Error(err)
	}
	equal(t, "the child", read(t, trace), "alive\n")
}

func TestTimeout(t *testing.T) {
	began := time.Now()
	err := <-running(t, start(t), object{"create": "echo started; exec sleep 60"}, 2)
	equal(t, "error", err.Error(), `signal: killed: running "echo started; exec sleep 60":`+"\nstarted\n")
	equal(t, "it waits for the command", time.Since(began) > 20*time.Second, false)
}
