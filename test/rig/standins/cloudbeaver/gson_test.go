package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

func TestGson(t *testing.T) {
	for want, value := range map[string]any{
		`"\u0027 \u003c \u003e \u0026 \u003d"`: `' < > & =`,
		`"\" \\ / \n \t \u001f \u2028 é"`:      "\" \\ / \n \t \x1f \u2028 é",
		`{}`:                                   object{},
		`[]`:                                   []any{},
		`null`:                                 nil,
		"{\n  \"b\": null,\n  \"a\": [\n    1,\n    {\n      \"c\": true\n    }\n  ]\n}": object{{"b", nil}, {"a", []any{1, object{{"c", true}}}}},
		"{\n  \"a\": 1,\n  \"b\": 2.5\n}":                                                map[string]any{"b": json.Number("2.5"), "a": int64(1)},
		"3.0":                                                                            float64(3),
		"1.0E7":                                                                          1e7,
		"1.5E-4":                                                                         0.00015,
		"-0.25":                                                                          -0.25,
		"[\n  7\n]":                                                                      []int32{7},
	} {
		if got := gson(value); got != want {
			t.Errorf("%v: %s, want %s", value, got, want)
		}
	}
}

// raw is an answer's text, as the shell scripts of a client see it.
func (c *client) raw(query string) string {
	c.t.Helper()
	body, _ := json.Marshal(map[string]any{"query": query})
	got, err := c.web.Post(c.url+"/api/gql", "application/json", bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer got.Body.Close()
	var text bytes.Buffer
	_, _ = text.ReadFrom(got.Body)
	if got.StatusCode != http.StatusOK {
		c.t.Error(got.Status)
	}
	return text.String()
}

func TestAnswersAreIndentedAndEscaped(t *testing.T) {
	home, userHome := room(t)
	change(t, home, mainConfig, `"Taffrail prod"`, `"O'Brien & <Söhne> = \"1\""`)
	c := start(t, home, userHome)
	for query, want := range map[string]string{
		`{ serverConfig { rootURI name anonymousAccessEnabled } activeUser { userId } userConnections { id } }`: `{
  "data": {
    "serverConfig": {
      "rootURI": "/",
      "name": "O\u0027Brien \u0026 \u003cSöhne\u003e \u003d \"1\"",
      "anonymousAccessEnabled": false
    },
    "activeUser": null,
    "userConnections": []
  }
}`,
		`mutation { initConnection(id: "postgres-bot") { id } }`: `{
  "errors": [
    {
      "message": "Anonymous access restricted",
      "locations": [
        {
          "line": 1,
          "column": 12
        }
      ],
      "path": [
        "initConnection"
      ],
      "extensions": {
        "webErrorCode": "accessDenied",
        "exceptionClass": "io.cloudbeaver.DBWebException",
        "classification": "DataFetchingException"
      }
    }
  ],
  "data": null
}`,
	} {
		if got := c.raw(query); got != want {
			t.Errorf("%s\n%s\nwant\n%s", query, got, want)
		}
	}
	name := c.ask(`{ serverConfig { name } }`, nil).Data["serverConfig"].(map[string]any)["name"]
	if name != `O'Brien & <Söhne> = "1"` {
		t.Errorf("a client that parses gets %q", name)
	}
}

func TestPermissionsAreTakenAtEachStart(t *testing.T) {
	home, userHome := room(t)
	file := "workspace/GlobalConfiguration/.dbeaver/" + permissionsFile
	admin := start(t, home, userHome)
	admin.login(password)
	if failed := admin.ask(`{ createUser(userId: "anna", enabled: true) { userId } }`, nil).failed(); failed != "" {
		t.Fatal(failed)
	}
	const annas = "Annas-password-of-31-characters-7"
	admin.ask(`query($c: Object!) { setUserCredentials(userId: "anna", providerId: "local", credentials: $c) }`,
		map[string]any{"c": map[string]any{"password": clientDigest(annas)}})
	seen := func() string {
		c := start(t, home, userHome)
		got := c.ask(`query($c: Object) { authLogin(provider: "local", credentials: $c) { authStatus } }`,
			map[string]any{"c": map[string]any{"user": "anna", "password": clientDigest(annas)}})
		if got.failed() != "" {
			t.Fatal(got.failed())
		}
		return fmt.Sprint(c.ask(`{ userConnections { id } }`, nil).Data["userConnections"])
	}
	expect := func(when, want string) {
		t.Helper()
		if got := seen(); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	expect("without the file", "[]")
	put(t, home, file, `{ "postgres-bot": ["user"], "postgres-bot-read": ["anna", "nobody"], "not-there": ["user"] }`)
	expect("by team and by name", "[map[id:postgres-bot] map[id:postgres-bot-read]]")
	put(t, home, file, `{ "postgres-bot": [] }`)
	expect("an empty list takes away, what is not named stays", "[map[id:postgres-bot-read]]")
	put(t, home, file, `broken`)
	expect("a broken file changes nothing", "[map[id:postgres-bot-read]]")
	if err := os.Remove(filepath.Join(home, file)); err != nil {
		t.Fatal(err)
	}
	expect("the database keeps it", "[map[id:postgres-bot-read]]")
	admin = start(t, home, userHome)
	admin.login(password)
	const query = `{ userConnections { id } getConnectionSubjectAccess(projectId: "g_GlobalConfiguration", connectionId: "postgres-bot-read") { subjectId subjectType } }`
	if got := fmt.Sprint(admin.ask(query, nil).Data); got != "map[getConnectionSubjectAccess:[map[subjectId:anna subjectType:user] map[subjectId:nobody subjectType:user]] userConnections:[map[id:postgres-bot] map[id:postgres-bot-read]]]" {
		t.Error(got)
	}
}

func TestFoldersOfTheFramework(t *testing.T) {
	home, _ := room(t)
	area := filepath.Join(t.TempDir(), "osgi")
	put(t, home, "server/configuration/config.ini", "")
	t.Setenv("JAVA_OPTS", "-Xmx1g "+areaOption+area+" "+sharedAreaOption+filepath.Join(home, "server/configuration"))
	// A home that cannot be written is enough then.
	if _, _, err := newServer(home, "/proc/nothing", mainConfig); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(area); err != nil {
		t.Error(err)
	}
	t.Setenv("JAVA_OPTS", areaOption+"/proc/nothing/osgi")
	if _, _, err := newServer(home, t.TempDir(), mainConfig); err == nil {
		t.Error("it starts with an area that cannot be written")
	}
	t.Setenv("JAVA_OPTS", areaOption+area+" "+sharedAreaOption+area)
	if _, _, err := newServer(home, t.TempDir(), mainConfig); err == nil {
		t.Error("it starts without the installation's config.ini")
	}
}
