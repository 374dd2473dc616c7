// The database of the backup benchmark: narrow rows with keys, documents of words, JSON, files that do not compress, and
// large objects. At scale 1 about 2 GB, of which a plain dump is about 1.6 GB. Made of numbers alone, so always the same.
import pg from 'pg';

/** Fills an empty database, several connections at once, and returns its size in bytes. */
export async function fill(url, scale) {
  const count = (atScaleOne) => Math.max(1, Math.round(atScaleOne * scale));
  await Promise.all([rows(count), documents(count), files(count)].map((statements) => run(url, statements)));
  const [{bytes}] = await run(url, ['VACUUM ANALYZE', 'SELECT pg_database_size(current_database())::float8 AS bytes']);
  return bytes;
}

/** Runs statements on one connection and returns the rows of the last one. */
export async function run(url, statements) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    let last;
    for (const statement of statements) last = await client.query(statement);
    return last.rows;
  } finally {
    await client.end();
  }
}

const rows = (count) => [
  `CREATE TABLE branches (id int PRIMARY KEY, balance int, filler char(88))`,
  `INSERT INTO branches SELECT i, 0, '' FROM generate_series(1, 70) i`,
  `CREATE TABLE accounts (id int, branch int, balance int, filler char(84))`,
  `INSERT INTO accounts SELECT i, 1 + i % 70, i * 7 % 10000, '' FROM generate_series(1, ${count(7_000_000)}) i`,
  `ALTER TABLE accounts ADD PRIMARY KEY (id), ADD FOREIGN KEY (branch) REFERENCES branches`,
  `CREATE TABLE events (id bigserial PRIMARY KEY, account int, at timestamptz, payload jsonb)`,
  `INSERT INTO events (account, at, payload) SELECT 1 + i % ${count(7_000_000)}, timestamptz '2026-01-01 00:00Z' + i * interval '13 s', jsonb_build_object('kind', (ARRAY['view', 'click', 'order', 'return'])[1 + i % 4], 'n', i, 'path', '/items/' || i % 977, 'ref', md5(i::text), 'agent', 'Mozilla/5.0 (X11; Linux x86_64)') FROM generate_series(1, ${count(1_100_000)}) i`,
  `ALTER TABLE events ADD FOREIGN KEY (account) REFERENCES accounts`,
  `CREATE INDEX ON events (at)`,
];

const noise = (seed) => `(hashint4(${seed}) & 1048575)`;

const documents = (count) => [
  `CREATE TEMP TABLE words AS SELECT n, lower(translate(substr(md5(n::text), 1, 3 + n % 7), '0123456789', 'ghiklmnopr')) AS word FROM generate_series(0, 4095) n`,
  `CREATE TEMP TABLE lines AS SELECT n, (SELECT string_agg(w.word, ' ' ORDER BY k) FROM generate_series(1, 26) k JOIN words w ON w.n = ${noise('l.n * 31 + k')} % 4096) AS line FROM generate_series(0, ${count(40_000)}) AS l(n)`,
  `CREATE TABLE documents (id int PRIMARY KEY, title text, body text)`,
  `INSERT INTO documents SELECT i, 'Document ' || i, string_agg(l.line, E'\\n') FROM generate_series(1, ${count(192_000)}) i CROSS JOIN generate_series(1, 14) k JOIN lines l ON l.n = ${noise('i * 17 + k')} % ${count(40_000)} GROUP BY i`,
];

const files = (count) => [
  `CREATE TABLE files (id int PRIMARY KEY, name text, content bytea)`,
  `INSERT INTO files SELECT i, 'file-' || i || '.bin', (SELECT string_agg(sha512((i * 3000 + j)::text::bytea), '') FROM generate_series(1, 1600) j) FROM generate_series(1, ${count(900)}) i`,
  `SELECT count(lo_from_bytea(0, decode(repeat(md5(i::text), 256), 'hex'))) FROM generate_series(1, ${count(2_000)}) i`,
];
