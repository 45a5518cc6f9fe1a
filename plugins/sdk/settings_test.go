package sdk_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

func TestUndecodable(t *testing.T) {
	t.Parallel()
	var into struct {
		Count   int          `json:"count"`
		Timeout sdk.Duration `json:"timeout"`
		Nested  struct {
			Names []string `json:"names"`
		} `json:"nested"`
	}
	decode := func(alone json.RawMessage) error {
		decoder := json.NewDecoder(bytes.NewReader(alone))
		decoder.DisallowUnknownFields()
		return decoder.Decode(&into)
	}
	got := sdk.Undecodable(json.RawMessage(`{"count":1,"timeout":"secret","other":"secret","nested":{"names":"secret"}}`), decode)
	want := []sdk.Problem{
		{Attribute: "nested", Summary: "Wrong setting", Detail: "nested.names must not be a string."},
		{Attribute: "other", Summary: "Wrong setting", Detail: `there is no setting "other".`},
		{Attribute: "timeout", Summary: "Wrong setting", Detail: `timeout holds a duration that is not written such as "1m30s".`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := sdk.Undecodable(json.RawMessage(`[]`), decode); len(got) != 1 || got[0].Attribute != "" {
		t.Errorf("%+v", got)
	}
	if got := sdk.Undecodable(json.RawMessage(`{"count":1}`), decode); got != nil {
		t.Errorf("%+v", got)
	}
}
