package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

type pluginsFile struct {
	APIVersion yInt `yaml:"apiVersion"`
	Apps       []struct {
		Type           string            `yaml:"type"`
		Name           string            `yaml:"name"`
		OrgID          yInt              `yaml:"org_id"`
		OrgName        string            `yaml:"org_name"`
		Disabled       yBool             `yaml:"disabled"`
		JSONData       map[string]any    `yaml:"jsonData"`
		SecureJSONData map[string]string `yaml:"secureJsonData"`
	} `yaml:"apps"`
}

func (g *Grafana) provisionPlugins() error {
	files, _ := yamlFiles(filepath.Join(g.cfg.Path("paths.provisioning"), "plugins"))
	var bad []error
	for _, f := range files {
		var c pluginsFile
		if err := decodeStrict(f, &c); err != nil {
			bad = append(bad, err)
		}
		for _, a := range c.Apps {
			bad = append(bad, fmt.Errorf("%s: plugin not installed: %q (the Grafana stand-in has no apps)", f, a.Type))
		}
	}
	return errors.Join(bad...)
}

type alertRule struct {
	UID                  string            `yaml:"uid"`
	Title                string            `yaml:"title"`
	Condition            string            `yaml:"condition"`
	For                  string            `yaml:"for"`
	KeepFiringFor        string            `yaml:"keep_firing_for"`
	NoDataState          string            `yaml:"noDataState"`
	ExecErrState         string            `yaml:"execErrState"`
	DashboardUID         string            `yaml:"dashboardUid"`
	PanelID              yInt              `yaml:"panelId"`
	IsPaused             yBool             `yaml:"isPaused"`
	Labels               map[string]string `yaml:"labels"`
	Annotations          map[string]string `yaml:"annotations"`
	NotificationSettings map[string]any    `yaml:"notification_settings"`
	Data                 []struct {
		RefID             string         `yaml:"refId"`
		QueryType         string         `yaml:"queryType"`
		DatasourceUID     string         `yaml:"datasourceUid"`
		RelativeTimeRange map[string]any `yaml:"relativeTimeRange"`
		Model             map[string]any `yaml:"model"`
	} `yaml:"data"`
}

type alertingFile struct {
	APIVersion yInt `yaml:"apiVersion"`
	Groups     []struct {
		OrgID    yInt        `yaml:"orgId"`
		Name     string      `yaml:"name"`
		Folder   string      `yaml:"folder"`
		Interval string      `yaml:"interval"`
		Rules    []alertRule `yaml:"rules"`
	} `yaml:"groups"`
	DeleteRules         []map[string]any `yaml:"deleteRules"`
	ContactPoints       []map[string]any `yaml:"contactPoints"`
	DeleteContactPoints []map[string]any `yaml:"deleteContactPoints"`
	Policies            []map[string]any `yaml:"policies"`
	ResetPolicies       []any            `yaml:"resetPolicies"`
	Templates           []map[string]any `yaml:"templates"`
	DeleteTemplates     []map[string]any `yaml:"deleteTemplates"`
	MuteTimes           []map[string]any `yaml:"muteTimes"`
	DeleteMuteTimes     []map[string]any `yaml:"deleteMuteTimes"`
}

// provisionAlerting checks the rules' shape and their datasources. It evaluates nothing and sends nothing.
func (g *Grafana) provisionAlerting() error {
	files, _ := yamlFiles(filepath.Join(g.cfg.Path("paths.provisioning"), "alerting"))
	uids := map[string]bool{}
	if err := g.store.View(func(db *DB) error {
		for _, d := range db.Datasources {
			uids[d.UID] = true
		}
		return nil
	}); err != nil {
		return err
	}
	var bad []error
	rules, seen := 0, map[string]bool{}
	for _, f := range files {
		var c alertingFile
		if err := decodeStrict(f, &c); err != nil {
			bad = append(bad, err)
			continue
		}
		for _, group := range c.Groups {
			where := fmt.Sprintf("%s: group %q", f, group.Name)
			if group.Name == "" || group.Folder == "" {
				bad = append(bad, fmt.Errorf("%s: name and folder are needed", where))
			}
			if _, err := time.ParseDuration(group.Interval); err != nil {
				bad = append(bad, fmt.Errorf("%s: interval %q: %w", where, group.Interval, err))
			}
			for _, r := range group.Rules {
				rules++
				for _, err := range r.check(uids, seen) {
					bad = append(bad, fmt.Errorf("%s: rule %q: %w", where, r.Title, err))
				}
			}
		}
	}
	if rules > 0 {
		g.log.Warn("provisioning.alerting", "the stand-in evaluates no alert rules", "rules", rules)
	}
	return errors.Join(bad...)
}

func (r *alertRule) check(uids, seen map[string]bool) (bad []error) {
	if r.UID == "" || r.Title == "" || r.Condition == "" || len(r.Data) == 0 {
		bad = append(bad, errors.New("uid, title, condition and data are needed"))
	}
	if seen[r.UID] {
		bad = append(bad, fmt.Errorf("the uid %q is used twice", r.UID))
	}
	seen[r.UID] = true
	found := false
	for _, q := range r.Data {
		found = found || q.RefID == r.Condition
		if !uids[q.DatasourceUID] && q.DatasourceUID != "__expr__" && q.DatasourceUID != "-100" {
			bad = append(bad, fmt.Errorf("data %s: there is no data source with the uid %q", q.RefID, q.DatasourceUID))
		}
	}
	if !found {
		bad = append(bad, fmt.Errorf("the condition %q names no entry of data", r.Condition))
	}
	return bad
}

// checkProvisioningFolders refuses folders that Taffrail could believe to be read.
func (g *Grafana) checkProvisioningFolders() error {
	entries, _ := os.ReadDir(g.cfg.Path("paths.provisioning"))
	var bad []error
	for _, e := range entries {
		if !slices.Contains([]string{"datasources", "dashboards", "plugins", "alerting"}, e.Name()) && !(e.Name() == "access-control" || e.Name() == "notifiers" || e.Name() == "sample") {
			bad = append(bad, fmt.Errorf("%s: the Grafana stand-in does not know %q here",
				g.cfg.Path("paths.provisioning"), e.Name()))
		}
	}
	return errors.Join(bad...)
}
