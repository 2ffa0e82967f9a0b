-- A store of version 1 with runs in every state, as codexmcp 0.1.0 has made it; dumped by sqlite3.
BEGIN TRANSACTION;
CREATE TABLE owners (id TEXT PRIMARY KEY, pid INTEGER, socket TEXT, grp TEXT);
INSERT INTO "owners" VALUES('living',11,'/s','g');
INSERT INTO "owners" VALUES('other',12,'','h');
CREATE TABLE runs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        grp TEXT NOT NULL,
        key TEXT NOT NULL,
        priority INTEGER NOT NULL,
        created_at REAL NOT NULL,
        delay_s REAL NOT NULL,
        idempotency_key TEXT,
        cwd TEXT NOT NULL,
        started_at REAL,
        ended_at REAL,
        owner TEXT,
        attempt INTEGER NOT NULL,
        thread_id TEXT,
        turn_id TEXT,
        reason TEXT NOT NULL,
        events INTEGER NOT NULL,
        usage TEXT NOT NULL,
        last_step TEXT NOT NULL
    );
INSERT INTO "runs" VALUES(1,'over-of-nobody','completed','g','/w',0,101.0,0.0,'twice','/w',200.0,201.0,'gone',1,'t1','u1','',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(2,'over-of-living','failed','g','/w',0,102.0,0.0,NULL,'/w',200.0,202.0,'living',1,'t2',NULL,'r',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(3,'same-key','starting','h','/w',0,103.0,0.0,'twice','/w',200.0,NULL,'other',1,NULL,NULL,'',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(4,'starting','starting','g','/w',0,104.0,0.0,NULL,'/w',200.0,NULL,'living',1,NULL,NULL,'',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(5,'running','running','g','/w',0,105.0,0.0,'once','/w',200.0,NULL,'living',1,'t3',NULL,'',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(6,'with-turn','running','g','/w',0,106.0,0.0,NULL,'/w',200.0,NULL,'living',1,'t4','u4','',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(7,'retried','queued','g','/w',0,107.0,0.0,NULL,'/w',200.0,NULL,'living',1,'t5','u5','again: x',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(8,'queued','queued','g','/w',0,108.0,0.0,'thrice','/w',NULL,NULL,NULL,0,NULL,NULL,'',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(9,'queued-too','queued','h','/w',0,109.0,0.0,'thrice','/w',NULL,NULL,NULL,0,NULL,NULL,'',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
INSERT INTO "runs" VALUES(10,'queued-three','queued','i','/w',0,110.0,0.0,'thrice','/w',NULL,NULL,NULL,0,NULL,NULL,'',0,'{"inputTokens": 0, "cachedInputTokens": 0, "outputTokens": 0, "reasoningOutputTokens": 0, "totalTokens": 0}','');
CREATE TABLE tallies (
        grp TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (grp, state)
    ) WITHOUT ROWID
    ;
INSERT INTO "tallies" VALUES('g','completed',1);
INSERT INTO "tallies" VALUES('g','failed',1);
INSERT INTO "tallies" VALUES('g','lost',0);
INSERT INTO "tallies" VALUES('g','queued',2);
INSERT INTO "tallies" VALUES('g','running',2);
INSERT INTO "tallies" VALUES('g','starting',1);
INSERT INTO "tallies" VALUES('h','queued',1);
INSERT INTO "tallies" VALUES('h','starting',1);
INSERT INTO "tallies" VALUES('i','queued',1);
CREATE TABLE texts (
        sequence INTEGER PRIMARY KEY REFERENCES runs (sequence) ON DELETE CASCADE,
        request TEXT NOT NULL,
        message TEXT NOT NULL
    );
INSERT INTO "texts" VALUES(1,'{"prompt": "do over-of-nobody", "cwd": "/w", "audit_dir": "/a"}','m');
INSERT INTO "texts" VALUES(2,'{"prompt": "do over-of-living", "cwd": "/w", "audit_dir": "/a"}','');
INSERT INTO "texts" VALUES(3,'{"prompt": "do same-key", "cwd": "/w", "audit_dir": "/a"}','');
INSERT INTO "texts" VALUES(4,'{"prompt": "do starting", "cwd": "/w", "audit_dir": "/a"}','');
INSERT INTO "texts" VALUES(5,'{"prompt": "do running", "cwd": "/w", "audit_dir": "/a"}','');
INSERT INTO "texts" VALUES(6,'{"prompt": "do with-turn", "cwd": "/w", "audit_dir": "/a"}','');
INSERT INTO "texts" VALUES(7,'{"prompt": "do retried", "cwd": "/w", "audit_dir": "/a"}','');
INSERT INTO "texts" VALUES(8,'{"prompt": "do queued", "cwd": "/w", "audit_dir": "/a"}','');
INSERT INTO "texts" VALUES(9,'{"prompt": "do queued-too", "cwd": "/w", "audit_dir": "/a"}','');
INSERT INTO "texts" VALUES(10,'{"prompt": "do queued-three", "cwd": "/w", "audit_dir": "/a"}','');
CREATE TRIGGER tally_added AFTER INSERT ON runs BEGIN 
    INSERT INTO tallies (grp, state, count) VALUES (new.grp, new.state, 1)
    ON CONFLICT (grp, state) DO UPDATE SET count = count + 1
; END;
CREATE TRIGGER tally_deleted AFTER DELETE ON runs BEGIN 
    UPDATE tallies SET count = count - 1 WHERE grp = old.grp AND state = old.state
; END;
CREATE TRIGGER tally_moved AFTER UPDATE OF state ON runs BEGIN 
    UPDATE tallies SET count = count - 1 WHERE grp = old.grp AND state = old.state
; 
    INSERT INTO tallies (grp, state, count) VALUES (new.grp, new.state, 1)
    ON CONFLICT (grp, state) DO UPDATE SET count = count + 1
; END;
CREATE UNIQUE INDEX idempotent ON runs (grp, idempotency_key)
    WHERE idempotency_key IS NOT NULL
    ;
CREATE INDEX by_state ON runs (state);
CREATE INDEX by_cwd ON runs (cwd, state);
CREATE INDEX active ON runs (key, grp, thread_id, owner) WHERE state IN ('running', 'starting', 'waiting_for_approval');
CREATE INDEX queued ON runs (
        grp, priority DESC, sequence, key, thread_id, created_at, delay_s
    ) WHERE state = 'queued'
    ;
COMMIT;
PRAGMA user_version = 1;
