/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const sessionsSqlite: readonly string[] = [
  `CREATE TABLE "sessions" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "hash" BLOB NOT NULL,
    "pepper_version" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "acr" TEXT NOT NULL,
    "amr" TEXT NOT NULL,
    "authenticated_at" INTEGER NOT NULL,
    "device" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "seen_at" INTEGER NOT NULL,
    "ended_at" INTEGER,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "sessions_by_tenant_subject_created_at_id" ON "sessions" (
    "tenant",
    "subject",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "sessions_by_ended_at" ON "sessions" (
    "ended_at"
  )`,
  `CREATE INDEX "sessions_by_expires_at_seconds" ON "sessions" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "session_clients" (
    "tenant" TEXT NOT NULL,
    "session" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL,
    "next_attempt_at" INTEGER,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "session", "client_id")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "session_clients_by_next_attempt_at" ON "session_clients" (
    "next_attempt_at"
  )`,
  `CREATE INDEX "session_clients_by_expires_at_seconds" ON "session_clients" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "granted_families" (
    "tenant" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "family" TEXT NOT NULL,
    "session" TEXT NOT NULL,
    "offline" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "subject", "client_id", "family")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "granted_families_by_tenant_session_offline" ON "granted_families" (
    "tenant",
    "session",
    "offline"
  )`,
  `CREATE INDEX "granted_families_by_expires_at_seconds" ON "granted_families" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "sign_ins" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "browser_hash" TEXT,
    "purpose" TEXT NOT NULL,
    "signed_in" TEXT,
    "chosen" TEXT,
    "created_at" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "sign_ins_by_expires_at_seconds" ON "sign_ins" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "consents" (
    "tenant" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "granted" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "subject", "client_id")
  ) STRICT`,
  `CREATE TABLE "pushed_requests" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "visited_at" INTEGER,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "pushed_requests_by_expires_at_seconds" ON "pushed_requests" (
    "expires_at_seconds"
  )`,
];
