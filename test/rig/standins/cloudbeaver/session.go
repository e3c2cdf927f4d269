package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const cookieName = "cb-session-id"

// session is a browser's; its connections to databases are its own.
type session struct {
	id            string
	mu            sync.Mutex
	user          string
	created, used time.Time
	links         map[string]*link
	contexts      map[string]string
	tasks         map[string]*task
	next          int
}

type link struct {
	mu      sync.Mutex
	conn    *pgx.Conn
	version string
}

func (l *link) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = l.conn.Close(ctx)
}

type task struct {
	name   string
	done   bool
	err    error
	result map[string]any
}

// session finds the one of the request's cookie or begins one.
func (s *server) session(w http.ResponseWriter, r *http.Request) *session {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := time.Duration(s.config.number("server.expireSessionAfterPeriod")) * time.Millisecond
	for id, old := range s.sessions {
		if old.lastUsed().Add(idle).Before(now) {
			delete(s.sessions, id)
			go old.closeLinks()
		}
	}
	if cookie, err := r.Cookie(cookieName); err == nil {
		if found := s.sessions[cookie.Value]; found != nil {
			found.mu.Lock()
			found.used = now
			found.mu.Unlock()
			return found
		}
	}
	made := &session{id: rand.Text(), created: now, used: now, links: map[string]*link{}, contexts: map[string]string{}, tasks: map[string]*task{}}
	s.sessions[made.id] = made
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: made.id, Path: s.config.root(), HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return made
}

func (s *server) drop(old *session) {
	s.mu.Lock()
	delete(s.sessions, old.id)
	s.mu.Unlock()
	go old.closeLinks()
}

func (s *session) lastUsed() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

func (s *session) closeLinks() {
	s.mu.Lock()
	links := s.links
	s.links = map[string]*link{}
	s.mu.Unlock()
	for _, one := range links {
		one.mu.Lock()
		one.close()
		one.mu.Unlock()
	}
}

func (s *session) userID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user
}

// login of another user, or of none, gives up what the last one had open.
func (s *session) login(name string) {
	s.mu.Lock()
	changed := s.user != name
	s.user = name
	s.mu.Unlock()
	if changed {
		s.closeLinks()
	}
}

func (s *session) link(id string) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[id]
}

// setLink takes a connection in, or with nil closes it.
func (s *session) setLink(id string, made *link) {
	s.mu.Lock()
	old := s.links[id]
	delete(s.links, id)
	if made != nil {
		s.links[id] = made
	}
	s.mu.Unlock()
	if old != nil {
		old.mu.Lock()
		old.close()
		old.mu.Unlock()
	}
}

func (s *session) number() string { s.next++; return strconv.Itoa(s.next) }

func (s *session) newContext(connection string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.number()
	s.contexts[id] = connection
	return id
}

func (s *session) hasContext(id, connection string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.contexts[id] == connection
}

func (s *session) dropContext(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.contexts[id]
	delete(s.contexts, id)
	return known
}

// start runs work beside the request, for at most five minutes, and gives its AsyncTaskInfo.
func (s *session) start(name string, work func(context.Context) (map[string]any, error)) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.number()
	one := &task{name: name}
	s.tasks[id] = one
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		result, err := work(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		one.result, one.err, one.done = result, err, true
	}()
	return one.info(id)
}

func (t *task) info(id string) map[string]any {
	out := map[string]any{"id": id, "name": t.name, "running": !t.done, "status": nil, "error": nil, "taskResult": nil}
	switch {
	case !t.done:
		out["status"] = "Running"
	case t.err != nil:
		out["error"] = map[string]any{"message": t.err.Error(), "errorCode": nil, "errorType": nil}
	default:
		out["status"] = "Finished"
	}
	return out
}

func (s *session) task(id string, remove bool) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.tasks[id]
	if found == nil {
		return nil, fmt.Errorf("Task '%s' not found", id)
	}
	if found.done && remove && found.err != nil {
		delete(s.tasks, id)
	}
	return found.info(id), nil
}

func (s *session) result(id string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.tasks[id]
	if found == nil || !found.done {
		return nil, fmt.Errorf("Task '%s' not found", id)
	}
	if found.err != nil {
		return nil, found.err
	}
	return found.result, nil
}
