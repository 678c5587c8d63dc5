// Tells how many of each item there are. Only its sidecar is to reach it, so it listens on the loopback.
package main

import (
	"encoding/json"
	"log"
	"net/http"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]int{"wheel": 4})
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8102", nil))
}
