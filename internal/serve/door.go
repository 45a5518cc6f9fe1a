package serve

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"
)

// sessionAge is how long a browser stays signed in.
const sessionAge = 12 * time.Hour

// door knows who may read: clients that send the token, and browsers that
// once sent it and have a cookie since. The cookie does not hold the token, as
// browsers send cookies to every port of a host.
type door struct {
	token   [sha256.Size]byte // sums are of one length, whatever the token's
	session string            // of this process; a browser signs in anew after its end
}

func newDoor(token string) *door {
	return &door{token: sha256.Sum256([]byte(token)), session: rand.Text()}
}

// opens reports whether a request may read.
func (d *door) opens(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && d.isToken(token) {
		return true
	}
	cookie, err := r.Cookie(cookieName(r))
	return err == nil && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(d.session)) == 1
}

func (d *door) isToken(token string) bool {
	got := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], d.token[:]) == 1
}

// cookieName has the port, so that the monitors of one host do not overwrite
// each other's.
func cookieName(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	return "assay_session" + port
}

// wantsPage reports whether a browser asks for something to show.
func wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// signIn gives a browser that sends the token a cookie, and sends it on.
func (m *Monitor) signIn(w http.ResponseWriter, r *http.Request) {
	to := r.PostFormValue("to")
	if !isOwnPath(to) {
		to = "/"
	}
	if m.Token != "" {
		if !m.door.isToken(strings.TrimSpace(r.PostFormValue("token"))) {
			m.pages.SignIn(w, to, true)
			return
		}
		m.setSession(w, r, m.door.session, int(sessionAge.Seconds()))
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// signOut takes the cookie back.
func (m *Monitor) signOut(w http.ResponseWriter, r *http.Request) {
	m.setSession(w, r, "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (m *Monitor) setSession(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
}

// isOwnPath reports whether an address leads to this monitor, whatever a
// browser makes of it: one slash at its beginning, and nothing that is odd.
func isOwnPath(to string) bool {
	return strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") &&
		!strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f })
}
