// A host in Go, on the standard library alone: its own sessions in a cookie, and a route for those who have paid.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

type session struct {
	user string
	at   int64
}

// A handler answers, or returns the status of a refusal.
type handler func(http.ResponseWriter, session) int

var sessions sync.Map
var client = http.Client{Timeout: 5 * time.Second}

// tierlift
func tierlift(method, path string, body any, answer io.Writer) int {
	data, _ := json.Marshal(body)
	request, _ := http.NewRequest(method, os.Getenv("TIERLIFT_URL")+path, bytes.NewReader(data))
	request.Header.Set("Authorization", "Bearer "+os.Getenv("TIERLIFT_SERVICE_TOKEN"))
	response, err := client.Do(request)
	if err != nil {
		return http.StatusServiceUnavailable
	}
	defer response.Body.Close()
	// This sign-in is too old, or was revoked.
	if response.StatusCode == http.StatusConflict {
		return http.StatusUnauthorized
	}
	if _, err := io.Copy(answer, response.Body); err != nil || response.StatusCode != http.StatusOK {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// requireFeature lets those pass who have this feature now, whatever they had when they signed in.
func requireFeature(feature string, next handler) handler {
	return func(w http.ResponseWriter, s session) int {
		answer, user := bytes.Buffer{}, struct{ Features []string }{}
		path := fmt.Sprintf("/v1/users/%s?authTime=%d", url.PathEscape(s.user), s.at)
		if status := tierlift("GET", path, nil, &answer); status != http.StatusOK {
			return status
		}
		if json.Unmarshal(answer.Bytes(), &user) != nil || !contains(user.Features, feature) {
			return http.StatusForbidden
		}
		return next(w, s)
	}
}

func token(w http.ResponseWriter, s session) int {
	return tierlift("POST", "/v1/tokens", map[string]any{"userId": s.user, "authTime": s.at}, w)
}

// end

func contains(list []string, wanted string) bool {
	for _, text := range list {
		if text == wanted {
			return true
		}
	}
	return false
}

// signedIn calls a handler with the session of the request.
func signedIn(next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		status := http.StatusUnauthorized
		if cookie, err := r.Cookie("session"); err == nil {
			if found, ok := sessions.Load(cookie.Value); ok {
				status = next(w, found.(session))
			}
		}
		if status != http.StatusOK {
			w.WriteHeader(status)
		}
	}
}

func login(w http.ResponseWriter, r *http.Request) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		log.Fatal(err)
	}
	name := hex.EncodeToString(id)
	sessions.Store(name, session{r.PostFormValue("user"), time.Now().Unix()})
	cookie := http.Cookie{Name: "session", Value: name, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	http.SetCookie(w, &cookie)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func logout(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie("session"); err == nil {
		sessions.Delete(cookie.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: "session", MaxAge: -1})
	w.WriteHeader(http.StatusNoContent)
}

func reports(w http.ResponseWriter, s session) int {
	fmt.Fprintf(w, "the report of %s", s.user)
	return http.StatusOK
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	http.HandleFunc("/token", signedIn(token))
	http.HandleFunc("/login", login)
	http.HandleFunc("/logout", logout)
	http.HandleFunc("/reports", signedIn(requireFeature("export", reports)))
	http.Handle("/", http.FileServer(http.Dir(env("PAGE", "../page"))))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+env("PORT", "3000"), nil))
}
