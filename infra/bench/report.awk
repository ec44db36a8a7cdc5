# SPDX-License-Identifier: MIT
#
# Lines of a name and a number -> of each name median, least and most: for
# people, and as JSON into the file `json`, with the settings that are given.
{
	if (!($1 in count))
		names[++n_names] = $1
	for (i = ++count[$1]; i > 1 && v[$1, i - 1] > $2 + 0; i--)
		v[$1, i] = v[$1, i - 1]
	v[$1, i] = $2 + 0
}

END {
	printf "{\"bench\":\"drain\",\"orders\":%s,\"rounds\":%s,\"void\":%s",
		n, rounds - void, void >json
	for (k = 1; k <= n_names; k++) {
		name = names[k]
		c = count[name]
		median = (v[name, int((c + 1) / 2)] + v[name, int(c / 2) + 1]) / 2
		printf ",\"%s\":{\"median\":%s,\"min\":%s,\"max\":%s}",
			name, median, v[name, 1], v[name, c] >json
		printf "%-28s %10s  (%s to %s)\n",
			name, median, v[name, 1], v[name, c]
	}
	printf ",\"floor_batch\":%s,\"cpus\":%s,\"version\":\"%s\"}\n",
		batch, cpus, version >json
	printf "%s rounds of %s orders, %s void\n", rounds - void, n, void
}
