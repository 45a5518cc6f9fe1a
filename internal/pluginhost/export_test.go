package pluginhost

import (
	"context"

	"google.golang.org/grpc"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

// Bare is the plugin's connection with nothing around it.
func (p *Process) Bare() grpc.ClientConnInterface { return p.live.Load().link }

// CallAfterCut cuts the connection, and makes a call of the process that it
// led to as if nobody had noticed.
func (p *Process) CallAfterCut(ctx context.Context) error {
	g := p.live.Load()
	if err := g.link.Close(); err != nil {
		return err
	}
	return g.invoke(ctx, pluginv1.Hook_Call_FullMethodName, &pluginv1.CallRequest{Name: "echo"}, &pluginv1.CallResponse{})
}
