/* SPDX-License-Identifier: MIT */
/*
 * SQL: pieces that the statements of more than one verb are made of.
 */
#ifndef OVERLORD_SQL_H
#define OVERLORD_SQL_H

/* A worker whose heartbeat is older is hung, cut off or gone. */
#define WORKER_LIVES_FOR "interval '10 s'"

/* A grill that answers is seen every 5 s: nobody asks one that was seen longer
 * ago. */
#define GRILL_SEEN_FOR "interval '15 s'"

/*
 * Toasties as an operator speaks of them. To the columns of the table comes
 * `shown`: the state, and `parked` where the row says `uncertain` and an intent
 * is still open: jafflr settles that one when its plate is heard of again. Only
 * one that is shown as `uncertain` waits for a person.
 */
#define TOASTIE_SHOWN                                                          \
	"CASE WHEN t.state = 'uncertain' AND EXISTS (SELECT FROM intents o "   \
	"WHERE o.order_id = t.order_id AND o.closed_at IS NULL) "              \
	"THEN 'parked' ELSE t.state END AS shown "

/* All that there are: the whole table is read. */
#define TOASTIES_ALL "(SELECT t.*, " TOASTIE_SHOWN "FROM toasties t)"

/* Those that are queued, on a plate, parked or uncertain. Each part walks an
 * index of what is open, however long the table is. */
#define TOASTIES_OPEN                                                          \
	"(SELECT t.*, t.state AS shown FROM toasties t "                       \
	"WHERE t.state = 'queued' "                                            \
	"UNION ALL SELECT t.*, t.state FROM intents i "                        \
	"JOIN toasties t USING (order_id) "                                    \
	"WHERE i.closed_at IS NULL AND t.state = 'grilling' "                  \
	"UNION ALL SELECT t.*, " TOASTIE_SHOWN "FROM toasties t "              \
	"WHERE t.state = 'uncertain')"

#endif
