DROP VIEW IF EXISTS positions_view;
DROP VIEW IF EXISTS stock_view;
DROP FUNCTION IF EXISTS expect_rows(bigint, bigint);
DROP FUNCTION IF EXISTS take_stock(text[], text[], bigint[], bigint[]);
DROP TABLE IF EXISTS stock_changes;
DROP TABLE IF EXISTS orders;
DROP TABLE IF EXISTS stock;
