package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cli is `grafana cli`: of its commands only `admin reset-admin-password` is known. As in the real one, flags of
// the command come before the password, /etc/grafana/grafana.ini is read only with --config, and the login
// attempts that lock an account are left as they are.
func cli(words []string, in io.Reader, out io.Writer) error {
	a := Args{}
	var plain []string
	userID, stdin := int64(1), false
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !strings.HasPrefix(w, "-") {
			plain = append(plain, w)
			continue
		}
		if len(plain) > 2 {
			return fmt.Errorf("%s comes after the password, where Grafana does not read flags: put it before", w)
		}
		key, value, joined := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if key == "password-from-stdin" {
			stdin = value != "false"
			continue
		}
		if key == "debug" || key == "insecure" {
			continue
		}
		if !joined && i+1 < len(words) {
			i++
			value = words[i]
		}
		switch key {
		case "homepath":
			a.Home = value
		case "config":
			a.Config = value
		case "configOverrides":
			a.Properties = append(a.Properties, strings.Fields(value)...)
		case "user-id":
			id, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return fmt.Errorf("--user-id %q is not a number", value)
			}
			userID = id
		case "pluginsDir", "pluginUrl", "repo":
		default:
			return fmt.Errorf("the Grafana stand-in does not know the flag --%s", key)
		}
	}
	if len(plain) < 2 || plain[0] != "admin" || plain[1] != "reset-admin-password" {
		return fmt.Errorf("the Grafana stand-in knows `cli admin reset-admin-password`, not %q", strings.Join(plain, " "))
	}
	return resetPassword(a, userID, stdin, plain[2:], in, out)
}

func resetPassword(a Args, userID int64, stdin bool, rest []string, in io.Reader, out io.Writer) error {
	fmt.Fprintln(out, banner)
	password := ""
	switch {
	case stdin:
		fmt.Fprint(out, "New Password: ")
		sc := bufio.NewScanner(in)
		if !sc.Scan() {
			return errors.New("can't read password from stdin")
		}
		password = sc.Text()
	case len(rest) > 0:
		password = rest[0]
	}
	if a.Home == "" {
		a.Home, _ = os.Getwd()
	}
	if custom := filepath.Join(a.Home, "conf/custom.ini"); a.Config == "" && readable(custom) {
		a.Config = custom
	}
	cfg, err := LoadSettings(a, os.Environ())
	if err != nil {
		return err
	}
	if err := weak(password, cfg.Bool("auth.basic.password_policy")); err != nil {
		return err
	}
	store := NewStore(cfg.Path("paths.data"))
	if _, err := store.Migrate(cfg); err != nil {
		return err
	}
	err = store.Update(func(db *DB) error {
		u := db.UserByID(userID)
		if u == nil {
			return fmt.Errorf("could not read user (id: %d) from database. Error: user not found", userID)
		}
		u.SetPassword(password)
		return nil
	})
	if err == nil {
		fmt.Fprint(out, "\nAdmin password changed successfully ✔\n")
	}
	return err
}
