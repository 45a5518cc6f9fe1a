// Package pluginv1 is protocol 1 between the assay host and its plugins: the
// gRPC stubs and what the handshake needs. Plugins in Go are written with
// plugins/sdk and never see it.
//
// Start reading at plugin.proto. After a change of it, with protoc 3.21.12 on
// the PATH, run
//
//	go generate ./plugins/pluginv1
package pluginv1

//go:generate sh -ec "protoc -I ../.. --plugin=protoc-gen-go=$(go tool -n protoc-gen-go) --plugin=protoc-gen-go-grpc=$(go tool -n protoc-gen-go-grpc) --go_out=../.. --go_opt=paths=source_relative --go-grpc_out=../.. --go-grpc_opt=paths=source_relative plugins/pluginv1/plugin.proto"
