package pluginv1

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// Host and plugin know each other by certificates made for the occasion, as
// go-plugin's AutoMTLS has it: the host's goes to the plugin in the environment
// variable ClientCertEnv, in PEM; the plugin's comes back as the last field of
// the handshake, its DER in base64 without padding. go-plugin's own are of
// curve P-521, which is most of what a plugin's start costs; these are not.

// ClientCertEnv names the environment variable that holds the host's certificate.
const ClientCertEnv = "PLUGIN_CLIENT_CERT"

// ServerName is the name that both certificates are for.
const ServerName = "localhost"

// NewCertificate makes a key and its own authority's certificate.
func NewCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: ServerName, Organization: []string{"assay"}},
		DNSNames:              []string{ServerName},
		NotBefore:             now.Add(-time.Minute),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
