package auditlog

import (
	"fmt"
	"io"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is the right edge of a Merkle tree: all that is needed to append
// leaves and to tell the root.
type frontier struct {
	size  int64
	nodes []tlog.Hash // the roots of the complete subtrees, the largest first
}

func (f *frontier) clone() frontier {
	return frontier{size: f.size, nodes: slices.Clone(f.nodes)}
}

// push appends a leaf, and adds to stored the hashes that are to be stored for
// it, as tlog.StoredHashes would: the leaf and the subtrees that it completes.
func (f *frontier) push(leaf tlog.Hash, stored []tlog.Hash) []tlog.Hash {
	stored = append(stored, leaf)
	for range bits.TrailingZeros64(^uint64(f.size)) {
		last := len(f.nodes) - 1
		leaf = tlog.NodeHash(f.nodes[last], leaf)
		f.nodes = f.nodes[:last]
		stored = append(stored, leaf)
	}
	f.nodes = append(f.nodes, leaf)
	f.size++
	return stored
}

// root is the hash of the whole tree.
func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing, so it cannot fail
		return empty
	}
	hash := f.nodes[len(f.nodes)-1]
	for _, node := range slices.Backward(f.nodes[:len(f.nodes)-1]) {
		hash = tlog.NodeHash(node, hash)
	}
	return hash
}

// readFrontier reads the right edge of the tree with size leaves from stored
// hashes.
func readFrontier(size int64, hashes io.ReaderAt) (frontier, error) {
	f := frontier{size: size}
	from := int64(0)
	for level := 62; level >= 0; level-- {
		if size&(1<<level) == 0 {
			continue
		}
		hash, err := readHash(hashes, tlog.StoredHashIndex(level, from>>level))
		if err != nil {
			return frontier{}, err
		}
		f.nodes = append(f.nodes, hash)
		from += 1 << level
	}
	return f, nil
}

func readHash(hashes io.ReaderAt, index int64) (hash tlog.Hash, err error) {
	if _, err := hashes.ReadAt(hash[:], index*tlog.HashSize); err != nil {
		return hash, fmt.Errorf("hash %d: %w", index, err)
	}
	return hash, nil
}

// hashBytes is the size of the file of stored hashes for size leaves.
func hashBytes(size int64) int64 { return tlog.StoredHashCount(size) * tlog.HashSize }

func encodeHashes(hashes []tlog.Hash) []byte {
	encoded := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, hash := range hashes {
		encoded = append(encoded, hash[:]...)
	}
	return encoded
}
