//go:build k8s133

package main

import (
	"github.com/spf13/cobra"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// Kubernetes 1.33 makes its own context.
func newKubelet() *cobra.Command { return kubelet.NewKubeletCommand() }
