CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, configuration TEXT NOT NULL,
  architecture TEXT NOT NULL, hyperparameters TEXT NOT NULL, dataset TEXT NOT NULL, seed INTEGER NOT NULL,
  state TEXT NOT NULL, wanted TEXT NOT NULL, position REAL NOT NULL,
  created REAL NOT NULL, started REAL, ended REAL, updated REAL,
  device TEXT, device_reason TEXT, path TEXT, threads INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0, num_epochs INTEGER NOT NULL, step INTEGER NOT NULL DEFAULT 0, num_steps INTEGER,
  seconds REAL NOT NULL DEFAULT 0, num_points INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 0,
  best_epoch INTEGER, best_accuracy REAL, train_loss REAL, train_accuracy REAL, test_loss REAL, test_accuracy REAL,
  error TEXT, outcome TEXT, weights_sha256 TEXT, progress TEXT,
  attempts INTEGER NOT NULL DEFAULT 0, attempt_step INTEGER NOT NULL DEFAULT 0,
  micro_batches INTEGER NOT NULL DEFAULT 1,
  tags TEXT NOT NULL DEFAULT '[]', note TEXT NOT NULL DEFAULT '', archived INTEGER NOT NULL DEFAULT 0,
  versions TEXT, attempt_checkpoint INTEGER NOT NULL DEFAULT 0,
  kind TEXT NOT NULL DEFAULT 'own', project TEXT NOT NULL DEFAULT '', run_group TEXT NOT NULL DEFAULT '',
  details TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX runs_by_state ON runs (state, position);
-- Point n of a run lies in chunk n / 1024: a million points are a thousand rows.
CREATE TABLE chunks (
  run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, number INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (run_id, number)
) STRICT;
CREATE TABLE epochs (
  run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, epoch INTEGER NOT NULL, step INTEGER NOT NULL,
  train_loss REAL, train_accuracy REAL, test_loss REAL, test_accuracy REAL,
  validation_loss REAL, validation_accuracy REAL,
  learning_rate REAL NOT NULL, seconds REAL NOT NULL, evaluation_seconds REAL NOT NULL,
  PRIMARY KEY (run_id, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  time REAL NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL
) STRICT;
CREATE INDEX messages_by_run ON messages (run_id, id);
CREATE TABLE runners (
  lock TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, command TEXT NOT NULL, device TEXT NOT NULL,
  device_name TEXT NOT NULL, reason TEXT NOT NULL, threads INTEGER NOT NULL, versions TEXT NOT NULL, started REAL NOT NULL
) STRICT;
-- What a client asks a runner to find out (how fast a net trains here), and the answer.
CREATE TABLE questions (
  key TEXT PRIMARY KEY, question TEXT NOT NULL, asked REAL NOT NULL, result TEXT, error TEXT, answered REAL
) STRICT;
-- A named series of a run. Its value n lies in chunk n / 256 of `samples`.
CREATE TABLE metrics (
  id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, name TEXT NOT NULL,
  num_values INTEGER NOT NULL DEFAULT 0, highest_step INTEGER NOT NULL DEFAULT 0,
  last REAL, smallest REAL, largest REAL,
  UNIQUE (run_id, name)
) STRICT;
CREATE TABLE samples (
  metric_id INTEGER NOT NULL REFERENCES metrics ON DELETE CASCADE, number INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (metric_id, number)
) STRICT;
-- Of the test images: how many of each true class (row) were taken for which (column), int32, little-endian.
CREATE TABLE confusions (
  run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, epoch INTEGER NOT NULL,
  classes TEXT NOT NULL, counts BLOB NOT NULL,
  PRIMARY KEY (run_id, epoch)
) STRICT, WITHOUT ROWID;
