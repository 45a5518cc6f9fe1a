package sdk

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

// serverTLS is the plugin's half of go-plugin's AutoMTLS, for the host's
// certificate in PEM.
func serverTLS(hostPEM string) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(hostPEM)) {
		return nil, errors.New("the host's certificate cannot be read")
	}
	certificate, err := pluginv1.NewCertificate()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		MinVersion:   tls.VersionTLS13,
	}, nil
}

// announceCertificate gives a file to take the place of os.Stdout while
// go-plugin shakes hands: the line that it writes goes on to stdout with the
// certificate as its last field. go-plugin adds none to a TLS configuration
// that is not its own.
func announceCertificate(stdout io.Writer, config *tls.Config) (*os.File, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("prepare the handshake: %w", err)
	}
	certificate := base64.RawStdEncoding.EncodeToString(config.Certificates[0].Certificate[0])
	go func() {
		line, err := bufio.NewReader(reader).ReadString('\n')
		if err == nil {
			fmt.Fprintf(stdout, "%s%s\n", strings.TrimSuffix(line, "\n"), certificate)
		}
	}()
	return writer, nil
}
