"""What is said beforehand of containers, held against what a kubelet did: generated Pods and changes."""
