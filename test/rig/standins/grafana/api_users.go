package main

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

func (g *Grafana) userRoutes(on func(string, need, func(*Ctx))) {
	on("GET /api/user", signedIn, (*Ctx).self)
	on("PUT /api/user/password", signedIn, (*Ctx).changeOwnPassword)
	on("GET /api/org", signedIn, func(c *Ctx) {
		c.json(200, map[string]any{"id": 1, "name": "Main Org.", "address": map[string]string{"address1": "", "address2": "", "city": "", "zipCode": "", "state": "", "country": ""}})
	})
	on("GET /api/org/users", admin, (*Ctx).orgUsers)
	on("PATCH /api/org/users/{id}", admin, (*Ctx).setRole)
	on("GET /api/org/preferences", signedIn, (*Ctx).preferences)
	on("PUT /api/org/preferences", admin, (*Ctx).setPreferences)
	on("PATCH /api/org/preferences", admin, (*Ctx).setPreferences)
	on("GET /api/users", serverAdmin, (*Ctx).users)
	on("GET /api/admin/users", serverAdmin, (*Ctx).users)
	on("GET /api/users/lookup", serverAdmin, (*Ctx).lookup)
	on("GET /api/users/{id}", serverAdmin, func(c *Ctx) { c.oneUser(func(db *DB) *User { return db.UserByID(c.id()) }) })
	on("PUT /api/users/{id}", serverAdmin, (*Ctx).updateUser)
	on("POST /api/admin/users", serverAdmin, (*Ctx).createUser)
	on("DELETE /api/admin/users/{id}", serverAdmin, (*Ctx).deleteUser)
	on("PUT /api/admin/users/{id}/password", serverAdmin, (*Ctx).setPassword)
	on("PUT /api/admin/users/{id}/permissions", serverAdmin, (*Ctx).setPermissions)
	on("POST /api/admin/users/{id}/logout", serverAdmin, (*Ctx).logoutUser)
}

func (c *Ctx) id() int64 { n, _ := strconv.ParseInt(c.r.PathValue("id"), 10, 64); return n }

func profile(u *User) map[string]any {
	return map[string]any{"id": u.ID, "uid": u.UID, "email": u.Email, "name": u.Name, "login": u.Login, "theme": "", "orgId": 1,
		"isGrafanaAdmin": u.IsGrafanaAdmin, "isAdmin": u.IsGrafanaAdmin, "isDisabled": u.IsDisabled, "isExternal": false,
		"authLabels": []string{}, "createdAt": u.Created.Format(time.RFC3339), "updatedAt": u.Created.Format(time.RFC3339), "avatarUrl": "", "lastSeenAt": u.LastSeen.Format(time.RFC3339)}
}

func (c *Ctx) self() {
	if c.who.User == nil {
		c.fail(401, "Unauthorized", "auth.unauthorized")
		return
	}
	c.json(200, profile(c.who.User))
}

func (c *Ctx) users() {
	out := []map[string]any{}
	err := c.g.store.View(func(db *DB) error {
		for _, u := range db.Users {
			out = append(out, profile(u))
		}
		return nil
	})
	c.done(err, out)
}

func (c *Ctx) orgUsers() {
	out := []map[string]any{}
	err := c.g.store.View(func(db *DB) error {
		for _, u := range db.Users {
			out = append(out, map[string]any{"orgId": 1, "userId": u.ID, "uid": u.UID, "email": u.Email, "name": u.Name, "login": u.Login, "role": u.Role})
		}
		return nil
	})
	c.done(err, out)
}

func (c *Ctx) oneUser(pick func(*DB) *User) {
	var out map[string]any
	err := c.g.store.View(func(db *DB) error {
		u := pick(db)
		if u == nil {
			return refusal{404, "user not found"}
		}
		out = profile(u)
		return nil
	})
	c.done(err, out)
}

func (c *Ctx) lookup() {
	key := c.r.URL.Query().Get("loginOrEmail")
	c.oneUser(func(db *DB) *User { return db.UserByLogin(key) })
}

func (c *Ctx) createUser() {
	var in struct {
		Name, Email, Login, Password string
		OrgID                        int64
	}
	if !c.body(&in) {
		return
	}
	if in.Login == "" {
		in.Login = in.Email
	}
	var u *User
	err := c.g.store.Update(func(db *DB) error {
		switch {
		case in.Login == "":
			return refusal{400, "Validation error, need specify either username or email"}
		case weak(in.Password, c.g.cfg.Bool("auth.basic.password_policy")) != nil:
			return refusal{400, "Password is missing or too short"}
		case db.UserByLogin(in.Login) != nil || in.Email != "" && db.UserByLogin(in.Email) != nil:
			return refusal{412, "User with email '" + in.Email + "' or username '" + in.Login + "' already exists"}
		case in.OrgID > 1:
			return refusal{400, "organization not found"}
		}
		u = &User{ID: db.NextID(), UID: randomHex(7), Login: in.Login, Email: in.Email, Name: in.Name,
			Role: c.g.cfg.Get("users.auto_assign_org_role"), Created: time.Now().UTC()}
		u.SetPassword(in.Password)
		db.Users = append(db.Users, u)
		return nil
	})
	out := map[string]any{"message": "User created"}
	if u != nil {
		out["id"], out["uid"] = u.ID, u.UID
	}
	c.done(err, out)
}

// change updates the user of the path.
func (c *Ctx) change(said string, fn func(db *DB, u *User) error) {
	id := c.id()
	err := c.g.store.Update(func(db *DB) error {
		u := db.UserByID(id)
		if u == nil {
			return refusal{404, "user not found"}
		}
		return fn(db, u)
	})
	c.done(err, map[string]any{"message": said})
}

func (c *Ctx) updateUser() {
	var in struct{ Name, Email, Login string }
	if !c.body(&in) {
		return
	}
	c.change("User updated", func(db *DB, u *User) error {
		for _, key := range []string{in.Login, in.Email} {
			if other := db.UserByLogin(key); key != "" && other != nil && other != u {
				return refusal{409, "Email or username already taken"}
			}
		}
		if in.Login != "" {
			u.Login = in.Login
		}
		if in.Email != "" {
			u.Email = in.Email
		}
		u.Name = in.Name
		return nil
	})
}

func (c *Ctx) deleteUser() {
	c.change("User deleted", func(db *DB, u *User) error {
		db.Users = slices.DeleteFunc(db.Users, func(x *User) bool { return x == u })
		for k, s := range db.Sessions {
			if s.UserID == u.ID {
				delete(db.Sessions, k)
			}
		}
		return nil
	})
}

func (c *Ctx) setPassword() {
	var in struct{ Password string }
	if !c.body(&in) {
		return
	}
	if err := weak(in.Password, c.g.cfg.Bool("auth.basic.password_policy")); err != nil {
		c.msg(400, "New password too short")
		return
	}
	c.change("User password updated", func(_ *DB, u *User) error { u.SetPassword(in.Password); return nil })
}

func (c *Ctx) changeOwnPassword() {
	var in struct{ OldPassword, NewPassword, ConfirmNew string }
	if c.who.User == nil {
		c.fail(401, "Unauthorized", "auth.unauthorized")
		return
	}
	if !c.body(&in) {
		return
	}
	id := c.who.User.ID
	err := c.g.store.Update(func(db *DB) error {
		u := db.UserByID(id)
		if u == nil {
			return refusal{404, "user not found"}
		}
		if !u.Matches(in.OldPassword) {
			return refusal{401, "Invalid old password"}
		}
		if weak(in.NewPassword, c.g.cfg.Bool("auth.basic.password_policy")) != nil {
			return refusal{400, "New password is too short"}
		}
		u.SetPassword(in.NewPassword)
		return nil
	})
	c.done(err, map[string]any{"message": "User password changed"})
}

func (c *Ctx) setRole() {
	var in struct{ Role string }
	if !c.body(&in) {
		return
	}
	if !slices.Contains([]string{"Viewer", "Editor", "Admin", "None"}, in.Role) {
		c.msg(400, "Invalid role specified")
		return
	}
	c.change("Organization user updated", func(db *DB, u *User) error {
		admins := 0
		for _, x := range db.Users {
			if x.Role == "Admin" {
				admins++
			}
		}
		if u.Role == "Admin" && in.Role != "Admin" && admins == 1 {
			return refusal{400, "Cannot change role so that there is no organization admin left"}
		}
		u.Role = in.Role
		return nil
	})
}

func (c *Ctx) setPermissions() {
	var in struct{ IsGrafanaAdmin bool }
	if !c.body(&in) {
		return
	}
	c.change("User permissions updated", func(_ *DB, u *User) error { u.IsGrafanaAdmin = in.IsGrafanaAdmin; return nil })
}

func (c *Ctx) logoutUser() {
	c.change("User logged out", func(db *DB, u *User) error {
		for k, s := range db.Sessions {
			if s.UserID == u.ID {
				delete(db.Sessions, k)
			}
		}
		return nil
	})
}

var preferenceKeys = []string{"theme", "homeDashboardUID", "timezone", "weekStart", "language"}

func (c *Ctx) preferences() {
	out := map[string]any{}
	err := c.g.store.View(func(db *DB) error {
		for k, v := range db.Preferences {
			out[k] = v
		}
		return nil
	})
	c.done(err, out)
}

func (c *Ctx) setPreferences() {
	in := map[string]any{}
	if !c.body(&in) {
		return
	}
	if u := unknownKeys(in, preferenceKeys); len(u) > 0 {
		c.msg(400, "the Grafana stand-in does not know the preferences "+strings.Join(u, ", "))
		return
	}
	err := c.g.store.Update(func(db *DB) error {
		if uid, _ := in["homeDashboardUID"].(string); uid != "" && db.Dashboard(uid) == nil {
			return refusal{404, "Dashboard not found"}
		}
		if c.r.Method == "PUT" || db.Preferences == nil {
			db.Preferences = map[string]any{}
		}
		for k, v := range in {
			db.Preferences[k] = v
		}
		return nil
	})
	c.done(err, map[string]any{"message": "Preferences updated"})
}
