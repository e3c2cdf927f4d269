package main

import (
	"errors"
	"log"
	"os"
	"path/filepath"
	"slices"
)

// permissionsFile says which users and teams see a connection: {"<connection>": ["<user or team>", ...]}. It lies
// beside the connections of the project, is read at every start, and ends up in the server's database.
const permissionsFile = "data-sources-permissions.json"

// grantFromFile does at each start what CBApplication.grantPermissionsToConnections does: of each connection that the
// file names the grants are replaced; one that it does not name keeps its own. It stops at nothing: a file that cannot
// be read and a connection that is not there are lines in the log.
func (s *server) grantFromFile() error {
	path := filepath.Join(s.config.workspace(), projectFolder, permissionsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var wanted map[string]any
	if err == nil {
		wanted, err = parseLenient(path, string(text))
	}
	if err != nil {
		log.Printf("ERROR Error reading permissions configuration: %v", err)
		return nil
	}
	for id, value := range wanted {
		if _, known := s.connections.byID[id]; !known {
			log.Printf("ERROR Connection %s is not found in project GlobalConfiguration", id)
		}
		subjects := []string{}
		list, _ := value.([]any)
		for _, item := range list {
			if name, ok := item.(string); ok {
				subjects = append(subjects, name)
			}
		}
		if err := s.store.grant(id, subjects); err != nil {
			return err
		}
	}
	return nil
}

// sees says whether a user has a connection in the navigator: an administrator all, others by their own name or a team.
func (s *server) sees(user, connection string) bool {
	if user == "" {
		return s.config.is("app.grantConnectionsAccessToAnonymousTeam")
	}
	return s.store.mayUse(user, connection)
}

func (s *store) grant(connection string, subjects []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data.Grants == nil {
		s.data.Grants = map[string][]string{}
	}
	delete(s.data.Grants, connection)
	if len(subjects) > 0 {
		s.data.Grants[connection] = subjects
	}
	return s.save()
}

func (s *store) mayUse(user, connection string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, known := s.data.Users[user]
	if !known {
		return false
	}
	granted := func(subject string) bool { return slices.Contains(s.data.Grants[connection], subject) }
	return u.Admin || granted(user) || slices.ContainsFunc(u.Teams, granted)
}

// subjectAccess is what an administrator reads of a connection's grants.
func (s *store) subjectAccess(connection string) []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []any{}
	for _, subject := range s.data.Grants[connection] {
		kind := "user"
		if slices.Contains(s.data.Teams, subject) {
			kind = "team"
		}
		out = append(out, map[string]any{"dataSourceId": connection, "subjectId": subject, "subjectType": kind})
	}
	return out
}

// addUser makes one without a password, in the default team, as the real one does.
func (s *store) addUser(c *config, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.data.Users[name]
	switch {
	case name == "":
		return errors.New("Empty user name is not allowed")
	case known || slices.Contains(s.data.Teams, name):
		return errors.New("User or team '" + name + "' already exists")
	}
	s.data.Users[name] = &account{Teams: []string{c.text("app.defaultUserTeam")}}
	return s.save()
}
