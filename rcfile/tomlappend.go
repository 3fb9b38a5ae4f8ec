package rcfile

import (
	"maps"
	"slices"
)

// appendTable is the key of a table whose keys are those of a user that begin with the same word: url for the
// word itself, and password for appendpassword.
const appendTable = "append"

// flattenAppend returns a user's table with the keys of its append table in it, and their places.
func (t *tomlReader) flattenAppend(table tomlTable, n *node) (tomlTable, *node) {
	inner, ok := table[appendTable].(tomlTable)
	if _, isText := plainText(table[appendTable]); !ok || isText {
		return table, n
	}

	places := n.at(appendTable)
	flat := &node{key: n.key, value: n.value, table: maps.Clone(n.table), list: n.list}
	table = maps.Clone(table)
	delete(table, appendTable)
	if _, there := inner["url"]; !there {
		t.err(places.key, "[append] without a url", `write url = "imaps://user@host/folder"`)
	}

	for _, key := range slices.Sorted(maps.Keys(inner)) {
		name := appendTable + key
		if key == "url" {
			name = appendTable
		}
		if _, twice := table[name]; twice {
			t.errf(places.at(key).key, "keep one of them",
				"%q and %q in the table %q are the same", name, clip(key), appendTable)
			continue
		}
		if f, known := words.lookup(name, false); key == "" || !known || f.Scope != Login {
			t.errf(places.at(key).key, "see append in fetchmailrc(5) for the keys there are",
				"unknown key %q in %q",
				clip(key), appendTable)
			continue
		}
		table[name] = inner[key]
		flat.table[name] = places.at(key)
	}

	return table, flat
}
