package sdktest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// TestMain lets the test binary be the plugin too: `plugin FAULT`.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		p := &everything{fault: os.Args[2]}
		os.Exit(p.serve(os.Args[3:]))
	}
	goleak.VerifyTestMain(m)
}

// everything is a plugin of all kinds that conforms but for its fault.
type everything struct {
	fault    string
	settings struct {
		BaseURL string `json:"base_url"`
		Secret  string `json:"secret"`
		Size    int    `json:"size"`
	}
	alone  sync.Mutex
	calls  atomic.Int64
	events sync.Map
	token  atomic.Pointer[string]
}

// serve is the process: faults of the start are here.
func (e *everything) serve(args []string) int {
	if len(args) > 0 {
		return e.print(args)
	}
	if os.Getenv(pluginv1.CookieKey) != pluginv1.CookieValue {
		switch e.fault {
		case "needs no cookie":
			return 0
		case "throws without the cookie":
			panic("no cookie")
		case "greets without the cookie":
			fmt.Println("hello")
		case "is silent without the cookie":
			return 1
		}
	}
	switch e.fault {
	case "ends before the handshake":
		fmt.Fprintln(os.Stderr, "no licence found")
		return 3
	case "babbles before the handshake":
		fmt.Println("listening …")
	case "ignores the folder for sockets":
		_ = os.Unsetenv("PLUGIN_UNIX_SOCKET_DIR")
	case "has no certificate":
		_ = os.Unsetenv(pluginv1.ClientCertEnv)
	case "ignores the lifeline":
		_ = os.Unsetenv(pluginv1.LifelineEnv)
	case "takes strangers", "has no health service", "works unconfigured":
		return e.serveByHand()
	}
	code := sdk.Main(e, args, os.Stdout)
	switch e.fault {
	case "lingers":
		time.Sleep(time.Minute)
	case "ends with status 3":
		return 3
	}
	return code
}

// print answers `describe --json`.
func (e *everything) print(args []string) int {
	var stdout bytes.Buffer
	code := sdk.Main(e, args, &stdout)
	text := stdout.String()
	for fault, change := range map[string][2]string{
		"speaks protocol 7":     {`"protocol": 1`, `"protocol": 7`},
		"is of no kind":         {`"kinds": [`, `"kinds": [], "x": [`},
		"is of an odd kind":     {`"auth",`, `"cook",`},
		"hides a kind":          {`"auth",`, ``},
		"misspells a key":       {`"summary"`, `"abstract": "", "summary"`},
		"has an odd type":       {`"type": "number"`, `"type": "text"`},
		"prints two documents":  {"\n}\n", "\n}\n{}\n"},
		"is no JSON":            {"{", "name:"},
		"describes itself anew": {`"version": "1"`, fmt.Sprintf(`"version": "%d"`, time.Now().UnixNano())},
	} {
		if e.fault == fault {
			text = string(bytes.Replace([]byte(text), []byte(change[0]), []byte(change[1]), 1))
		}
	}
	if e.fault == "cannot describe itself" {
		return 1
	}
	fmt.Print(text)
	return code
}

// serveByHand is a server as one in another language may be.
func (e *everything) serveByHand() int {
	listener, err := net.Listen("unix", filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s"))
	if err != nil {
		panic(err)
	}
	certificate, err := pluginv1.NewCertificate()
	if err != nil {
		panic(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}
	if e.fault != "takes strangers" {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM([]byte(os.Getenv(pluginv1.ClientCertEnv)))
	}
	server := sdk.NewServer(e, grpc.Creds(credentials.NewTLS(config)))
	if e.fault == "works unconfigured" {
		server = grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
		pluginv1.RegisterHookServer(server, unguarded{})
	}
	fmt.Printf("1|1|unix|%s|grpc|%s\n", listener.Addr(), base64.RawStdEncoding.EncodeToString(certificate.Certificate[0]))
	_ = server.Serve(listener)
	return 0
}

type unguarded struct {
	pluginv1.UnimplementedHookServer
}

func (unguarded) Call(context.Context, *pluginv1.CallRequest) (*pluginv1.CallResponse, error) {
	return &pluginv1.CallResponse{}, nil
}

func (e *everything) Describe() sdk.Description {
	d := sdk.Description{Name: "everything", Version: "1", Summary: "Everything at once.", Sink: &sdk.SinkTraits{Batch: 3}}
	d.Schema.Attributes = []sdk.Attribute{
		{Name: "base_url", Type: sdk.String, Required: true, Format: sdk.FormatURL, Description: "Where."},
		{Name: "secret", Type: sdk.String, Sensitive: true, Description: "A secret."},
		{Name: "size", Type: sdk.Number, Default: json.RawMessage("1"), Description: "A size."},
	}
	size := &d.Schema.Attributes[2]
	switch e.fault {
	case "has no name":
		d.Name = ""
	case "names an attribute of the host's":
		size.Name = "auth"
	case "declares an attribute twice":
		d.Schema.Attributes = append(d.Schema.Attributes, *size)
	case "does not explain an attribute":
		size.Description = ""
	case "has a default of another type":
		size.Default = json.RawMessage(`"x"`)
	case "has an odd format":
		size.Format = "colour"
	case "requires what has a default":
		size.Required = true
	}
	return d
}

func (e *everything) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	err := config.Decode(&e.settings)
	problem := sdk.Problem{Attribute: "size", Summary: "Wrong", Detail: "So."}
	switch {
	case e.fault == "refuses its settings":
		return sdk.Configured{}, errors.New("no")
	case err == nil || e.fault == "takes wrong settings":
		return sdk.Configured{}, nil
	case e.fault == "answers wrong settings with an error":
		return sdk.Configured{}, err
	case e.fault == "names no attribute":
		problem.Attribute = ""
	case e.fault == "does not explain what is wrong":
		problem.Detail = ""
	}
	return sdk.Configured{}, &sdk.ConfigError{Problems: []sdk.Problem{problem}}
}

// request makes one request to the peer, but for the fault.
func (e *everything) request(ctx context.Context, path string, body []byte) error {
	switch e.fault {
	case "keeps its request":
		ctx = context.WithoutCancel(ctx)
	case "does one thing at a time":
		e.alone.Lock()
		defer e.alone.Unlock()
	}
	var response *sdkhttp.Response
	var err error
	for range map[bool]int{false: 1, true: 3}[e.fault == "retries"] {
		post, wrong := http.NewRequestWithContext(ctx, http.MethodPost, e.settings.BaseURL+path, bytes.NewReader(body))
		if wrong != nil {
			return wrong
		}
		response, err = sdkhttp.Do(http.DefaultClient, post, 16<<20)
		if err == nil && response.Status < 500 {
			break
		}
	}
	switch {
	case err == nil && response.Status/100 != 2:
		err = sdkhttp.FromStatus("make the request", response)
	case err == nil && !json.Valid(response.Body):
		err = &sdk.Error{Kind: sdk.Protocol, Sent: true, Message: "the answer is not JSON"}
	}
	return e.typed(err)
}

// typed changes an error as the fault has it.
func (e *everything) typed(err error) error {
	var typed *sdk.Error
	if errors.As(err, &typed) {
		switch e.fault {
		case "does not type its errors":
			return errors.New(typed.Message)
		case "says that nothing was sent":
			typed.Sent = false
		case "says that all was sent":
			typed.Sent = true
		case "loses Retry-After":
			typed.RetryAfter = 0
		case "quotes its secret":
			typed.Detail = "with the secret " + e.settings.Secret
		case "ignores errors":
			return nil
		}
	}
	return err
}

func (e *everything) Token(ctx context.Context, _ string) (sdk.Token, error) {
	if kept := e.token.Load(); kept != nil && e.fault == "keeps its token" {
		return sdk.Token{Value: *kept}, nil
	}
	err := e.request(ctx, "/token", nil)
	value := "t0ken"
	if e.fault == "gives a token of two lines" {
		value = "t0\nken"
	}
	e.token.Store(&value)
	return sdk.Token{Value: value}, err
}

func (e *everything) Submit(ctx context.Context, r sdk.SubmitRequest) (sdk.SubmitResult, error) {
	switch {
	case r.ActionID == "panic" && e.fault == "dies of a panic":
		os.Exit(2)
	case r.ActionID == "panic" && e.fault != "says that a panic is the peer's":
		panic("as asked")
	case r.ActionID == "panic":
		return sdk.SubmitResult{}, &sdk.Error{Kind: sdk.Unavailable}
	case e.fault == "takes small documents" && len(r.Input) > 1<<20:
		return sdk.SubmitResult{}, errors.New("too large")
	case e.fault == "dies of what is not JSON" && !json.Valid(r.Input):
		os.Exit(2)
	case e.fault == "writes to stdout":
		_, _ = os.NewFile(1, "stdout").Write(bytes.Repeat([]byte("x"), 1<<20))
	case e.fault == "logs its secret":
		fmt.Fprintln(os.Stderr, "the secret is", e.settings.Secret)
	case e.fault == "takes few calls":
		defer e.calls.Add(-1)
		if e.calls.Add(1) > 16 {
			return sdk.SubmitResult{}, errors.New("too many calls")
		}
		time.Sleep(20 * time.Millisecond) // so that the calls meet
	}
	err := e.request(ctx, "/submit", r.Input)
	switch {
	case e.fault == "does not end in time" && errors.Is(err, context.DeadlineExceeded):
		time.Sleep(5 * time.Second)
	case e.fault == "does not type a timeout" && err != nil:
		return sdk.SubmitResult{}, errors.New("slow")
	}
	return sdk.SubmitResult{SessionID: "s"}, err
}

func (e *everything) Poll(ctx context.Context, _ sdk.PollRequest) (sdk.PollResult, error) {
	err := e.request(ctx, "/poll", nil)
	result := sdk.PollResult{Status: "DONE", Execution: &sdk.Execution{Status: sdk.StatusCompleted}}
	switch e.fault {
	case "fails without an error":
		result.Execution.Status = sdk.StatusFailed
	case "has no status":
		result = sdk.PollResult{}
	case "has an odd status":
		result.Execution.Status = "DONE"
	}
	return result, err
}

func (e *everything) Metrics(ctx context.Context, request sdk.MetricsRequest) (sdk.MetricsPage, error) {
	if e.fault == "cannot say that it has no analytics" {
		return sdk.MetricsPage{}, errors.New("not implemented")
	}
	return sdk.UnsupportedTarget{}.Metrics(ctx, request)
}

func (e *everything) GetSchema(context.Context, sdk.SchemaRequest) (json.RawMessage, error) {
	return nil, &sdk.Error{Kind: sdk.Unsupported, Message: "no"}
}

func (e *everything) PutSchema(context.Context, sdk.SchemaRequest, json.RawMessage) error {
	return &sdk.Error{Kind: sdk.Unsupported, Message: "no"}
}

func (e *everything) Deliver(ctx context.Context, events []sdk.Event) error {
	for _, event := range events {
		_, known := e.events.LoadOrStore(event.ID, true)
		switch {
		case e.fault == "refuses a second delivery" && known:
			return errors.New("known already")
		case e.fault == "refuses unknown events" && event.Type != sdk.EventSession:
			return errors.New("unknown type")
		}
	}
	if len(events) > 1 && e.fault == "refuses batches" || len(events) == 0 && e.fault == "refuses no event" {
		return errors.New("one at a time")
	}
	err := e.request(ctx, "/events", nil)
	return err
}

func (e *everything) Call(_ context.Context, name string, document json.RawMessage) (json.RawMessage, error) {
	switch {
	case name == "echo" && e.fault == "cannot call its hook":
		return nil, io.ErrUnexpectedEOF
	case name == "echo":
		return document, nil
	case e.fault == "answers hooks that it does not have":
		return json.RawMessage(`{}`), nil
	}
	return nil, nil
}
