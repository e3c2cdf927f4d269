package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// call is one request of one session.
type call struct {
	*server
	session *session
	ctx     context.Context
}

type arguments = map[string]any

var operations map[string]func(c *call, args arguments) (any, error)

func init() {
	operations = map[string]func(c *call, args arguments) (any, error){
		"serverConfig": open(serverConfig), "sessionState": open(sessionState), "openSession": open(sessionState),
		"closeSession": open(closeSession), "authProviders": open(authProviders), "authLogin": open(authLogin),
		"authLogout": open(authLogout), "activeUser": open(activeUser), "userConnections": open(userConnections),
		"authChangeLocalPassword": authorized(changePassword), "setUserCredentials": admin(setUserCredentials),
		"createUser": admin(createUser), "getConnectionSubjectAccess": admin(connectionSubjectAccess),
		"connectionInfo": authorized(connectionInfo), "testConnection": authorized(testConnection),
		"initConnection": authorized(initConnection), "closeConnection": authorized(closeConnection),
		"navNodeChildren": authorized(navNodeChildren), "sqlContextCreate": authorized(sqlContextCreate),
		"sqlContextDestroy": authorized(sqlContextDestroy), "asyncSqlExecuteQuery": authorized(asyncSQL),
		"asyncTaskInfo": authorized(asyncTaskInfo), "asyncSqlExecuteResults": authorized(asyncResults),
	}
}

type operation = func(c *call, args arguments) (any, error)

func open(run operation) operation { return run }

func authorized(run operation) operation {
	return func(c *call, args arguments) (any, error) {
		if c.session.userID() == "" && !c.config.is("app.anonymousAccessEnabled") {
			return nil, errAnonymous
		}
		return run(c, args)
	}
}

func admin(run operation) operation {
	return authorized(func(c *call, args arguments) (any, error) {
		if isAdmin, _ := c.store.find(c.session.userID()); !isAdmin {
			return nil, errDenied
		}
		return run(c, args)
	})
}

func text(args arguments, name string) string { value, _ := args[name].(string); return value }

func serverConfig(c *call, _ arguments) (any, error) {
	return map[string]any{
		"name": c.config.text("server.serverName"), "version": version, "rootURI": c.config.root(),
		"anonymousAccessEnabled":    c.config.is("app.anonymousAccessEnabled"),
		"supportsCustomConnections": c.config.is("app.supportsCustomConnections"),
		"resourceManagerEnabled":    c.config.is("app.resourceManagerEnabled"),
		"configurationMode":         false, "developmentMode": c.config.is("server.develMode"),
		"enabledAuthProviders": []any{"local"}, "disabledDrivers": anys(c.config.list("app.disabledDrivers")),
	}, nil
}

func anys(texts []string) []any {
	out := []any{}
	for _, text := range texts {
		out = append(out, text)
	}
	return out
}

func sessionState(c *call, _ arguments) (any, error) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return map[string]any{
		"createTime": c.session.created.Format(time.RFC3339), "lastAccessTime": c.session.used.Format(time.RFC3339),
		"locale": "en", "cacheExpired": false, "valid": true, "remainingTime": c.config.number("server.expireSessionAfterPeriod"),
	}, nil
}

func closeSession(c *call, _ arguments) (any, error) {
	c.server.drop(c.session)
	return true, nil
}

func authProviders(*call, arguments) (any, error) {
	return []any{map[string]any{"id": "local", "label": "Local", "defaultProvider": true}}, nil
}

func authLogin(c *call, args arguments) (any, error) {
	if provider := text(args, "provider"); provider != "local" {
		return nil, because("User authentication failed", fmt.Errorf("Auth provider %s not found", provider))
	}
	given, _ := args["credentials"].(map[string]any)
	name := text(given, "user")
	if err := c.store.login(c.config, name, text(given, "password")); err != nil {
		return nil, because("User authentication failed", err)
	}
	c.session.login(name)
	token := map[string]any{
		"authProvider": "local", "loginTime": time.Now().UTC().Format(time.RFC3339), "userId": name, "displayName": name,
	}
	return map[string]any{"authStatus": "SUCCESS", "authId": nil, "redirectLink": nil, "userTokens": []any{token}}, nil
}

func authLogout(c *call, _ arguments) (any, error) {
	c.session.login("")
	return true, nil
}

func activeUser(c *call, _ arguments) (any, error) {
	if name := c.session.userID(); name != "" {
		return map[string]any{"userId": name, "displayName": name, "isAnonymous": false}, nil
	}
	return nil, nil
}

func changePassword(c *call, args arguments) (any, error) {
	name := c.session.userID()
	if err := c.store.login(c.config, name, text(args, "oldPassword")); err != nil {
		return nil, because("Error changing user password", err)
	}
	return true, c.store.setPassword(name, text(args, "newPassword"))
}

func setUserCredentials(c *call, args arguments) (any, error) {
	if provider := text(args, "providerId"); provider != "local" {
		return nil, fmt.Errorf("Invalid auth provider '%s'", provider)
	}
	given, _ := args["credentials"].(map[string]any)
	if err := c.store.setPassword(text(args, "userId"), text(given, "password")); err != nil {
		return nil, because("Error setting user credentials", err)
	}
	return true, nil
}

func createUser(c *call, args arguments) (any, error) {
	if err := c.store.addUser(c.config, text(args, "userId")); err != nil {
		return nil, because("Error creating new user", err)
	}
	return map[string]any{"userId": text(args, "userId"), "enabled": true}, nil
}

func connectionSubjectAccess(c *call, args arguments) (any, error) {
	if project := text(args, "projectId"); project != projectID {
		return nil, fmt.Errorf("Project '%s'is not global", project)
	}
	return c.store.subjectAccess(text(args, "connectionId")), nil
}

// userConnections is empty, not an error, to one who may see nothing.
func userConnections(c *call, args arguments) (any, error) {
	out := []any{}
	for _, id := range c.connections.ids {
		if wanted := text(args, "id"); (wanted == "" || wanted == id) && c.sees(c.session.userID(), id) {
			out = append(out, c.describe(c.connections.byID[id]))
		}
	}
	return out, nil
}

func (c *call) connection(args arguments, key string) (*connection, error) {
	if project := text(args, "projectId"); project != "" && project != projectID {
		return nil, fmt.Errorf("Project not found:%s", project)
	}
	found, ok := c.connections.byID[text(args, key)]
	if !ok || !c.sees(c.session.userID(), found.id) {
		return nil, fmt.Errorf("Connection '%s' not found", text(args, key))
	}
	return found, nil
}

func (c *call) describe(one *connection) map[string]any {
	link := c.session.link(one.id)
	out := map[string]any{
		"id": one.id, "driverId": "postgresql:postgres-jdbc", "name": one.name, "description": one.description,
		"host": one.host, "port": one.port, "databaseName": one.database, "url": one.jdbc(), "connected": link != nil,
		"readOnly": one.readOnly, "saveCredentials": one.savePassword, "credentialsSaved": c.connections.saved(one),
		"authNeeded": link == nil && !c.connections.saved(one), "nodePath": "database://" + one.id, "serverVersion": nil,
		"authModel": one.authModel, "projectId": projectID, "canEdit": false,
	}
	if link != nil {
		out["serverVersion"] = link.version
	}
	return out
}

func connectionInfo(c *call, args arguments) (any, error) {
	one, err := c.connection(args, "id")
	if err != nil {
		return nil, err
	}
	return c.describe(one), nil
}

func givenCredentials(value any) credentials {
	given, _ := value.(map[string]any)
	return credentials{text(given, "userName"), text(given, "userPassword")}
}

func testConnection(c *call, args arguments) (any, error) {
	asked, _ := args["config"].(map[string]any)
	var one *connection
	if id := text(asked, "connectionId"); id != "" {
		var err error
		if one, err = c.connection(arguments{"id": id, "projectId": args["projectId"]}, "id"); err != nil {
			return nil, err
		}
	} else {
		if isAdmin, _ := c.store.find(c.session.userID()); !isAdmin {
			return nil, errDenied
		}
		one = &connection{id: "test", name: text(asked, "name"), host: text(asked, "host"), port: text(asked, "port"),
			database: text(asked, "databaseName"), authModel: text(asked, "authModelId")}
	}
	link, err := c.dial(one, givenCredentials(asked["credentials"]))
	if err != nil {
		return nil, because("Error connecting to database", err)
	}
	defer link.close()
	out := c.describe(one)
	out["serverVersion"] = link.version
	return out, nil
}

func (c *call) dial(one *connection, given credentials) (*link, error) {
	who, err := c.connections.credentialsOf(one, given)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, 20*time.Second)
	defer cancel()
	conn, err := connect(ctx, one, who)
	if err != nil {
		return nil, err
	}
	return &link{conn: conn, version: "PostgreSQL " + conn.PgConn().ParameterStatus("server_version")}, nil
}

func initConnection(c *call, args arguments) (any, error) {
	one, err := c.connection(args, "id")
	if err != nil {
		return nil, err
	}
	if c.session.link(one.id) != nil {
		return nil, fmt.Errorf("Datasource '%s' is already connected", one.name)
	}
	made, err := c.dial(one, givenCredentials(args["credentials"]))
	if err != nil {
		return nil, because("Error connecting to database", err)
	}
	c.session.setLink(one.id, made)
	if err := c.connections.connected(one); err != nil {
		return nil, because("Failed to save credentials", err)
	}
	return c.describe(one), nil
}

func closeConnection(c *call, args arguments) (any, error) {
	one, err := c.connection(args, "id")
	if err != nil {
		return nil, err
	}
	c.session.setLink(one.id, nil)
	return c.describe(one), nil
}

func (c *call) connected(args arguments, key string) (*connection, *link, error) {
	one, err := c.connection(args, key)
	if err != nil {
		return nil, nil, err
	}
	link := c.session.link(one.id)
	if link == nil {
		return nil, nil, fmt.Errorf("Connection '%s' is not connected; the stand-in wants initConnection first", one.id)
	}
	return one, link, nil
}

func navNodeChildren(c *call, args arguments) (any, error) {
	path := text(args, "parentPath")
	id, isNode := strings.CutPrefix(path, "database://")
	if !isNode {
		return nil, fmt.Errorf("Node '%s' not found", path)
	}
	id, _, _ = strings.Cut(id, "/")
	one, link, err := c.connected(arguments{"id": id}, "id")
	if err != nil {
		return nil, err
	}
	link.mu.Lock()
	defer link.mu.Unlock()
	found, err := children(c.ctx, link.conn, one, path)
	if err != nil {
		return nil, because("Error reading navigator nodes", err)
	}
	offset := min(number(args["offset"], 0), len(found))
	return found[offset:min(len(found), offset+number(args["limit"], len(found)))], nil
}

func number(value any, fallback int) int {
	switch n := value.(type) {
	case int64:
		return max(0, int(n))
	case float64:
		return max(0, int(n))
	case interface{ Int64() (int64, error) }:
		if whole, err := n.Int64(); err == nil {
			return max(0, int(whole))
		}
	}
	return fallback
}

func sqlContextCreate(c *call, args arguments) (any, error) {
	one, _, err := c.connected(args, "connectionId")
	if err != nil {
		return nil, err
	}
	id := c.session.newContext(one.id)
	return map[string]any{"id": id, "projectId": projectID, "connectionId": one.id,
		"defaultCatalog": one.database, "defaultSchema": "public"}, nil
}

func sqlContextDestroy(c *call, args arguments) (any, error) {
	return c.session.dropContext(text(args, "contextId")), nil
}

func asyncSQL(c *call, args arguments) (any, error) {
	one, link, err := c.connected(args, "connectionId")
	if err != nil {
		return nil, err
	}
	if !c.session.hasContext(text(args, "contextId"), one.id) {
		return nil, errors.New("SQL context " + text(args, "contextId") + " not found")
	}
	limit := int(c.config.quota("sqlResultSetRowsLimit", 100_000))
	if filter, ok := args["filter"].(map[string]any); ok {
		limit = min(limit, number(filter["limit"], limit))
	}
	sql := text(args, "sql")
	return c.session.start("Execute query", func(ctx context.Context) (map[string]any, error) {
		link.mu.Lock()
		defer link.mu.Unlock()
		return execute(ctx, link.conn, sql, limit)
	}), nil
}

func asyncTaskInfo(c *call, args arguments) (any, error) {
	remove, _ := args["removeOnFinish"].(bool)
	return c.session.task(text(args, "id"), remove)
}

func asyncResults(c *call, args arguments) (any, error) {
	return c.session.result(text(args, "taskId"))
}
