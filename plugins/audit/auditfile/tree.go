package auditfile

import (
	"fmt"
	"io"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the right edge of a Merkle tree: all that is needed to append
// leaves and to tell the root.
type Tree struct {
	Size  int64       // how many leaves
	nodes []tlog.Hash // the roots of the complete subtrees, the largest first
}

// Clone is a copy that grows on its own.
func (t *Tree) Clone() Tree {
	return Tree{Size: t.Size, nodes: slices.Clone(t.nodes)}
}

// Push appends a leaf, and adds to stored the hashes that are to be stored for
// it, as tlog.StoredHashes would: the leaf and the subtrees that it completes.
func (t *Tree) Push(leaf tlog.Hash, stored []tlog.Hash) []tlog.Hash {
	stored = append(stored, leaf)
	for range bits.TrailingZeros64(^uint64(t.Size)) {
		last := len(t.nodes) - 1
		leaf = tlog.NodeHash(t.nodes[last], leaf)
		t.nodes = t.nodes[:last]
		stored = append(stored, leaf)
	}
	t.nodes = append(t.nodes, leaf)
	t.Size++
	return stored
}

// Root is the hash of the whole tree.
func (t *Tree) Root() tlog.Hash {
	if t.Size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing, so it cannot fail
		return empty
	}
	hash := t.nodes[len(t.nodes)-1]
	for _, node := range slices.Backward(t.nodes[:len(t.nodes)-1]) {
		hash = tlog.NodeHash(node, hash)
	}
	return hash
}

// ReadTree reads the right edge of the tree with size leaves from stored
// hashes.
func ReadTree(size int64, hashes io.ReaderAt) (Tree, error) {
	t := Tree{Size: size}
	from := int64(0)
	for level := 62; level >= 0; level-- {
		if size&(1<<level) == 0 {
			continue
		}
		hash, err := ReadHash(hashes, tlog.StoredHashIndex(level, from>>level))
		if err != nil {
			return Tree{}, err
		}
		t.nodes = append(t.nodes, hash)
		from += 1 << level
	}
	return t, nil
}

// ReadHash reads the stored hash with an index of tlog's.
func ReadHash(hashes io.ReaderAt, index int64) (hash tlog.Hash, err error) {
	if _, err := hashes.ReadAt(hash[:], index*tlog.HashSize); err != nil {
		return hash, fmt.Errorf("hash %d: %w", index, err)
	}
	return hash, nil
}

// HashBytes is the size of the file of stored hashes for size leaves.
func HashBytes(size int64) int64 { return tlog.StoredHashCount(size) * tlog.HashSize }

// EncodeHashes is hashes as the file of stored hashes holds them.
func EncodeHashes(hashes []tlog.Hash) []byte {
	encoded := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, hash := range hashes {
		encoded = append(encoded, hash[:]...)
	}
	return encoded
}
