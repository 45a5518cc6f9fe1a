package pluginhost

import "google.golang.org/grpc"

// Bare is the plugin's connection with nothing around it.
func (p *Process) Bare() grpc.ClientConnInterface { return p.live.Load().link }
