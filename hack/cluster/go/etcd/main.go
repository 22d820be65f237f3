// etcd for tests: the server alone, and without fsync. Nobody needs the data after a power cut,
// and waiting for the disk is most of what an API write costs on a small machine.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

func run() error {
	data := flag.String("data-dir", "", "folder of the database")
	client := flag.String("client-url", "", "where the API server connects")
	peer := flag.String("peer-url", "", "where other members would connect")
	flag.Parse()

	config := embed.NewConfig()
	config.Dir = *data
	config.UnsafeNoFsync = true
	config.LogLevel = "warn"
	clientURL, err := url.Parse(*client)
	if err != nil {
		return err
	}
	peerURL, err := url.Parse(*peer)
	if err != nil {
		return err
	}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*clientURL}, []url.URL{*clientURL}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peerURL}, []url.URL{*peerURL}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.AutoCompactionMode, config.AutoCompactionRetention = "periodic", "5m"
	config.QuotaBackendBytes = 4 << 30

	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-stop:
		return nil
	case err := <-server.Err():
		return err
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
