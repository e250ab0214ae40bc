/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const sessionsPostgres: readonly string[] = [
  `CREATE TABLE "sessions" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "hash" bytea NOT NULL,
    "pepper_version" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "acr" text COLLATE "C" NOT NULL,
    "amr" text COLLATE "C" NOT NULL,
    "authenticated_at" bigint NOT NULL,
    "device" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "seen_at" bigint NOT NULL,
    "ended_at" bigint,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "sessions_by_tenant_subject_created_at_id" ON "sessions" (
    "tenant",
    "subject",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "sessions_by_ended_at" ON "sessions" (
    "ended_at" NULLS FIRST
  )`,
  `CREATE INDEX "sessions_by_expires_at_seconds" ON "sessions" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "session_clients" (
    "tenant" text COLLATE "C" NOT NULL,
    "session" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "attempts" bigint NOT NULL,
    "next_attempt_at" bigint,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "session", "client_id")
  )`,
  `CREATE INDEX "session_clients_by_next_attempt_at" ON "session_clients" (
    "next_attempt_at" NULLS FIRST
  )`,
  `CREATE INDEX "session_clients_by_expires_at_seconds" ON "session_clients" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "granted_families" (
    "tenant" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "family" text COLLATE "C" NOT NULL,
    "session" text COLLATE "C" NOT NULL,
    "offline" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "subject", "client_id", "family")
  )`,
  `CREATE INDEX "granted_families_by_tenant_session_offline" ON "granted_families" (
    "tenant",
    "session",
    "offline"
  )`,
  `CREATE INDEX "granted_families_by_expires_at_seconds" ON "granted_families" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "sign_ins" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "browser_hash" text COLLATE "C",
    "purpose" text COLLATE "C" NOT NULL,
    "signed_in" text COLLATE "C",
    "chosen" text COLLATE "C",
    "created_at" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "sign_ins_by_expires_at_seconds" ON "sign_ins" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "consents" (
    "tenant" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "granted" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "subject", "client_id")
  )`,
  `CREATE TABLE "pushed_requests" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "request" text COLLATE "C" NOT NULL,
    "visited_at" bigint,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "pushed_requests_by_expires_at_seconds" ON "pushed_requests" (
    "expires_at_seconds"
  )`,
];
