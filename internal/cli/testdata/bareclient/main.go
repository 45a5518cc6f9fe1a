// Command bareclient makes the tenant requests of BenchmarkRun's suite with
// nothing around them, and prints how long they took, in seconds.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	url := os.Args[1] // of the action
	vectors, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	parallel, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: parallel}}
	next := make(chan int)
	var workers sync.WaitGroup
	started := time.Now()
	for range parallel {
		workers.Go(func() {
			for n := range next {
				try(client, url, n)
			}
		})
	}
	for n := range vectors {
		next <- n
	}
	close(next)
	workers.Wait()
	fmt.Println(time.Since(started).Seconds())
}

func try(client *http.Client, url string, n int) {
	body := fmt.Sprintf(`{"inputParameters":{"n":%d},"trace":true,"versionConstraint":"strict"}`, n)
	var session struct{ SessionID string }
	do(client, http.MethodPost, url+"/debug", strings.NewReader(body), &session)
	var end struct{ Status string }
	do(client, http.MethodGet, url+"/debug-sessions/"+session.SessionID, nil, &end)
	if end.Status == "" {
		log.Fatal("no status")
	}
}

func do(client *http.Client, method, url string, body io.Reader, answer any) {
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer bench-token")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Nice-Workspace-Id", "test")
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		log.Fatal(err)
	}
}
