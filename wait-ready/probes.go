package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A probe is one attempt: empty if ready, else the reason. Reasons are the same words on every system.

func httpProbe(url string, accepted statusSet, insecure bool) func(time.Duration) string {
	transport := &http.Transport{
		// Neither a proxy nor a connection of the attempt before: what is asked is whether a client of now is answered.
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: insecure},
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(limit time.Duration) string {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err.Error()
		}
		request.Header.Set("User-Agent", "inplace-wait-ready")
		response, err := client.Do(request)
		if err != nil {
			return words(err, limit)
		}
		response.Body.Close()
		if !accepted.has(response.StatusCode) {
			return fmt.Sprintf("status %d, expected %s", response.StatusCode, accepted.text)
		}
		return ""
	}
}

func tcpProbe(address string) func(time.Duration) string {
	return func(limit time.Duration) string {
		connection, err := net.DialTimeout("tcp", address, limit)
		if err != nil {
			return words(err, limit)
		}
		connection.Close()
		return ""
	}
}

func execProbe(command []string) func(time.Duration) string {
	return func(limit time.Duration) string {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		var output tail
		process := exec.CommandContext(ctx, command[0], command[1:]...)
		process.Stdout, process.Stderr = &output, &output
		// With its children, which hold the output open: none is left behind by an attempt that is over.
		process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
		process.WaitDelay = time.Second
		err := process.Run()
		var ended *exec.ExitError
		switch {
		case err == nil:
			return ""
		case ctx.Err() != nil:
			return noAnswer(limit)
		case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
			return "command not found"
		case errors.As(err, &ended):
			return joined(fmt.Sprintf("exit code %d", ended.ExitCode()), output.last())
		default:
			return err.Error()
		}
	}
}

func words(err error, limit time.Duration) string {
	var resolving *net.DNSError
	var unknown x509.UnknownAuthorityError
	var foreign x509.HostnameError
	var invalid x509.CertificateInvalidError
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &resolving):
		return "no such host"
	case errors.As(err, &unknown), errors.As(err, &foreign), errors.As(err, &invalid):
		return "the certificate is not trusted (--insecure accepts it)"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return noAnswer(limit)
	default:
		return "no answer: " + err.Error()
	}
}

func noAnswer(limit time.Duration) string {
	return fmt.Sprintf("no answer within %.1f s", limit.Seconds())
}

func joined(head, rest string) string {
	if rest == "" {
		return head
	}
	return head + ": " + rest
}

// tail keeps the end of what a command says; it may say much.
type tail struct{ kept []byte }

const kept = 4096

func (one *tail) Write(more []byte) (int, error) {
	one.kept = append(one.kept, more...)
	if len(one.kept) > kept {
		one.kept = bytes.Clone(one.kept[len(one.kept)-kept:])
	}
	return len(more), nil
}

// last is the last line that says anything, at most 200 characters of it.
func (one *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(one.kept)), "\n")
	line := []rune(strings.TrimSpace(lines[len(lines)-1]))
	return string(line[:min(len(line), 200)])
}
