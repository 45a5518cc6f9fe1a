package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/schema"
)

// maxDeployed bounds the schema documents that a tenant keeps.
const maxDeployed = 10_000

// published is a schema document as it is deployed and read.
type published struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Input       json.RawMessage `json:"input"`
	Output      json.RawMessage `json:"output"`
	ErrorCodes  []publishedCode `json:"errorCodes"`

	input *schema.Schema
}

type publishedCode struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// place is where a schema is deployed.
type place struct{ workspace, action string }

// catalog is what is deployed in the workspaces. An action that nobody has
// deployed there has the schema of the spec.
type catalog struct {
	spec map[string]*schema.Schema // by lower-case action id

	mutex    sync.Mutex
	deployed map[place]*published
}

func newCatalog(actions []*action.Runtime) *catalog {
	c := &catalog{spec: map[string]*schema.Schema{}, deployed: map[place]*published{}}
	for _, a := range actions {
		c.spec[strings.ToLower(a.Definition().ID)] = a.Definition().Input
	}
	return c
}

// input is the schema that an action's input must match; nil for none.
func (c *catalog) input(workspace, action string) *schema.Schema {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if found := c.deployed[place{workspace, action}]; found != nil {
		return found.input
	}
	return c.spec[action]
}

func (c *catalog) put(workspace string, p *published) (created bool, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if p.ID == "" {
		p.ID = c.idOf(workspace, p.Name)
	}
	at := place{workspace, strings.ToLower(p.ID)}
	created = c.deployed[at] == nil
	if created && len(c.deployed) >= maxDeployed {
		return false, fmt.Errorf("more than %d actions are deployed", maxDeployed)
	}
	c.deployed[at] = p
	return created, nil
}

// idOf is the id of the action of that name, or a new one.
func (c *catalog) idOf(workspace, name string) string {
	for at, p := range c.deployed {
		if at.workspace == workspace && p.Name == name {
			return p.ID
		}
	}
	return uuid.NewString()
}

func (c *catalog) get(workspace, action string) *published {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.deployed[place{workspace, action}]
}

func (c *catalog) all(workspace string) []*published {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found := []*published{}
	for at, p := range c.deployed {
		if at.workspace == workspace {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *published) int { return strings.Compare(a.ID, b.ID) })
	return found
}

// deployWorkspace is the workspace that a request about schemas is about:
// prod where it does not say.
func deployWorkspace(c *call) (string, bool) {
	if c.workspace == "" {
		return "prod", true
	}
	return c.workspace, slices.Contains(workspaces, c.workspace)
}

// deploy takes a schema document.
func (t *tenant) deploy(c *call) reply {
	workspace, ok := deployWorkspace(c)
	if !ok {
		return problem(http.StatusBadRequest, "the header x-nice-workspace-id must be one of dev, test and prod")
	}
	if c.struck.has(kindConflict) {
		return problem(http.StatusConflict, "the schema was changed by somebody else since it was read")
	}
	p, err := parsePublished(c.body)
	if err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	created, err := t.catalog.put(workspace, p)
	if err != nil {
		return problem(http.StatusInsufficientStorage, err.Error())
	}
	if created {
		return document(http.StatusCreated, p)
	}
	return document(http.StatusOK, p)
}

func parsePublished(body []byte) (*published, error) {
	p := &published{}
	if err := json.Unmarshal(body, p); err != nil {
		return nil, fmt.Errorf("the body is not a schema document: %s", jsonFault(err))
	}
	if p.Name == "" {
		return nil, fmt.Errorf("the schema document has no name")
	}
	if p.ID != "" && !uuidPattern.MatchString(p.ID) {
		return nil, fmt.Errorf("the id of the schema document is not a UUID")
	}
	for _, code := range p.ErrorCodes {
		if code.Code == "" {
			return nil, fmt.Errorf("an error code is empty")
		}
	}
	for name, part := range map[string]json.RawMessage{"input": p.Input, "output": p.Output} {
		if len(part) == 0 {
			return nil, fmt.Errorf("the schema document has no %s", name)
		}
		parsed, err := schema.Parse(name, part)
		if err != nil {
			return nil, err
		}
		if name == "input" {
			p.input = parsed
		}
	}
	return p, nil
}

// list answers the schema documents of a workspace, all of them or the one that
// the parameter actionId names.
func (t *tenant) list(c *call) reply {
	workspace, ok := deployWorkspace(c)
	if !ok {
		return problem(http.StatusBadRequest, "the header x-nice-workspace-id must be one of dev, test and prod")
	}
	found := t.catalog.all(workspace)
	if id := c.URL.Query().Get("actionId"); id != "" {
		found = slices.DeleteFunc(found, func(p *published) bool { return !strings.EqualFold(p.ID, id) })
	}
	return document(http.StatusOK, map[string]any{"data": found})
}

// show answers one schema document.
func (t *tenant) show(c *call) reply {
	workspace, ok := deployWorkspace(c)
	if !ok {
		return problem(http.StatusBadRequest, "the header x-nice-workspace-id must be one of dev, test and prod")
	}
	found := t.catalog.get(workspace, c.action)
	if found == nil {
		return problem(http.StatusNotFound, "no schema is deployed for this action in the workspace "+workspace)
	}
	return document(http.StatusOK, found)
}
