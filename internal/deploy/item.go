package deploy

import (
	"fmt"
	"strings"
)

// Item is one action of a plan to deploy.
type Item struct {
	Action   string // the label of its block
	Document Document
	New      bool // the platform does not have it
	Changes  []Change
	Warnings []string
}

// NewItem plans one action. deployed is what the platform has, or nil.
func NewItem(label string, wanted Document, deployed *Document, vectors []Vector) Item {
	item := Item{Action: label, Document: wanted}
	if deployed == nil {
		item.New = true
		item.Changes = Compare(Document{}, wanted)
		return item
	}
	item.Changes = Compare(*deployed, wanted)
	item.Warnings = Warnings(*deployed, wanted, vectors)
	return item
}

// Changed reports whether there is something to deploy.
func (i Item) Changed() bool { return i.New || len(i.Changes) > 0 }

// Name is the action as a person looks for it: block, display name and id.
func (i Item) Name() string {
	return fmt.Sprintf("action.%s %q (%s)", i.Action, i.Document.Name, i.Document.ID)
}

// Text is the item for a person, in lines, warnings last.
func (i Item) Text() string {
	var b strings.Builder
	switch {
	case i.New:
		fmt.Fprintf(&b, "  + %s will be created\n", i.Name())
	case i.Changed():
		fmt.Fprintf(&b, "  ~ %s will be updated\n", i.Name())
	default:
		fmt.Fprintf(&b, "    %s is unchanged\n", i.Name())
	}
	for _, c := range i.Changes {
		fmt.Fprintf(&b, "      %s\n", c)
	}
	for _, w := range i.Warnings {
		fmt.Fprintf(&b, "    ! Warning: %s\n", w)
	}
	return b.String()
}

func (c Change) String() string {
	switch {
	case c.Old == "":
		return fmt.Sprintf("+ %s: %s", c.Path, c.New)
	case c.New == "":
		return fmt.Sprintf("- %s: %s", c.Path, c.Old)
	default:
		return fmt.Sprintf("~ %s: %s → %s", c.Path, c.Old, c.New)
	}
}

// Count says how many of the items are created, updated and unchanged.
func Count(items []Item) (created, updated, unchanged int) {
	for _, i := range items {
		switch {
		case i.New:
			created++
		case i.Changed():
			updated++
		default:
			unchanged++
		}
	}
	return created, updated, unchanged
}
