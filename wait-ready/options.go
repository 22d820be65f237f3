package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const usage = `Wait until an endpoint answers, for a postStart hook: the next container starts when it does.

  wait-ready [OPTIONS] URL                      until an HTTP GET has the expected status
  wait-ready [OPTIONS] tcp://HOST:PORT          until the port accepts a connection
  wait-ready [OPTIONS] exec COMMAND [ARG]...    until the command ends with 0
  wait-ready --install DIR                      copy this program to DIR/wait-ready

  --timeout DURATION          give up after this time (default 60s)
  --interval DURATION         pause between two attempts (default 500ms)
  --attempt-timeout DURATION  limit of one attempt (default 5s)
  --status STATUS             expected: 200, 200,204 or 200-299 (default 200)
  --insecure                  accept any certificate of an https URL
  --message FILE              write a failure to this file too, if it exists (default /dev/termination-log)
  --quiet                     say nothing unless it fails

Redirects are not followed, and proxies not used. Exit codes: 0 ready, 1 bad usage, 124 timed out.
`

// Shorter pauses would make a loop spin.
const shortest = 10 * time.Millisecond

var errHelp = errors.New("help")

type options struct {
	target                     string
	probe                      func(limit time.Duration) string
	timeout, interval, attempt time.Duration
	message, install           string
	quiet                      bool
}

// parse reads the command line; an error is one line that names the value and what is expected.
func parse(args []string) (options, error) {
	var wanted options
	flags := flag.NewFlagSet("wait-ready", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	timeout := flags.String("timeout", "60s", "")
	interval := flags.String("interval", "500ms", "")
	attempt := flags.String("attempt-timeout", "5s", "")
	status := flags.String("status", "200", "")
	insecure := flags.Bool("insecure", false, "")
	flags.StringVar(&wanted.message, "message", terminationLog, "")
	flags.StringVar(&wanted.install, "install", "", "")
	flags.BoolVar(&wanted.quiet, "quiet", false, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return wanted, errHelp
		}
		return wanted, err
	}
	durations := []struct {
		name, text string
		into       *time.Duration
	}{
		{"--timeout", *timeout, &wanted.timeout},
		{"--interval", *interval, &wanted.interval},
		{"--attempt-timeout", *attempt, &wanted.attempt},
	}
	for _, one := range durations {
		found, err := duration(one.name, one.text)
		if err != nil {
			return wanted, err
		}
		*one.into = found
	}
	accepted, err := statuses(*status)
	if err != nil || wanted.install != "" {
		return wanted, err
	}
	return wanted, aim(&wanted, flags.Args(), accepted, *insecure)
}

// aim finds out what is to be tried.
func aim(wanted *options, args []string, accepted statusSet, insecure bool) error {
	if len(args) == 0 {
		return errors.New("missing target: expected URL, tcp://HOST:PORT, or exec COMMAND")
	}
	if args[0] == "exec" {
		command := args[1:]
		if len(command) > 0 && command[0] == "--" {
			command = command[1:]
		}
		if len(command) == 0 {
			return errors.New("missing command: expected exec COMMAND [ARG]...")
		}
		wanted.target, wanted.probe = "exec "+command[0], execProbe(command)
		return nil
	}
	if len(args) > 1 {
		return fmt.Errorf("unexpected argument %q: options stand before the target", args[1])
	}
	wanted.target = args[0]
	found, err := url.Parse(args[0])
	if err == nil && (found.Scheme == "http" || found.Scheme == "https") && found.Hostname() != "" {
		wanted.probe = httpProbe(args[0], accepted, insecure)
		return nil
	}
	if err == nil && found.Scheme == "tcp" && found.Path == "" && found.Hostname() != "" && found.Port() != "" {
		wanted.probe = tcpProbe(net.JoinHostPort(found.Hostname(), found.Port()))
		return nil
	}
	return fmt.Errorf("invalid target %q: expected http://…, https://…, tcp://HOST:PORT, or exec COMMAND", args[0])
}

var durationPattern = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)?$`)

var units = map[string]time.Duration{"ms": time.Millisecond, "": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour}

func duration(name, text string) (time.Duration, error) {
	if match := durationPattern.FindStringSubmatch(text); match != nil {
		number, err := strconv.ParseFloat(match[1], 64)
		// Nine digits of hours are more than a time.Duration holds.
		if found := number * float64(units[match[2]]); err == nil && found >= float64(shortest) && found < float64(1<<62) {
			return time.Duration(found), nil
		}
	}
	return 0, fmt.Errorf("invalid duration %q for %s: expected 10ms or more, as 30, 30s, 500ms, 5m or 1h", text, name)
}

// statusSet is what --status accepts, and how it was written.
type statusSet struct {
	text   string
	ranges [][2]int
}

var statusPattern = regexp.MustCompile(`^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$`)

func statuses(text string) (statusSet, error) {
	found := statusSet{text: text}
	for _, part := range strings.Split(text, ",") {
		match := statusPattern.FindStringSubmatch(part)
		if match == nil {
			return found, fmt.Errorf("invalid status %q: expected 200, 200,204 or 200-299", text)
		}
		from, _ := strconv.Atoi(match[1])
		to := from
		if match[2] != "" {
			to, _ = strconv.Atoi(match[2])
		}
		found.ranges = append(found.ranges, [2]int{from, to})
	}
	return found, nil
}

func (set statusSet) has(status int) bool {
	for _, one := range set.ranges {
		if one[0] <= status && status <= one[1] {
			return true
		}
	}
	return false
}
