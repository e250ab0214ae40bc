/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const backchannelPostgres: readonly string[] = [
  `CREATE TABLE "backchannel_requests" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "hash" bytea NOT NULL,
    "pepper_version" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "asked" text COLLATE "C" NOT NULL,
    "terms" text COLLATE "C" NOT NULL,
    "family" text COLLATE "C",
    "position" bigint NOT NULL,
    "poll_seconds" bigint NOT NULL,
    "next_poll_at" bigint NOT NULL,
    "sealed_ping" bytea,
    "attempts" bigint NOT NULL,
    "next_attempt_at" bigint,
    "created_at" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "backchannel_requests_by_tenant_subject_created_at_id" ON "backchannel_requests" (
    "tenant",
    "subject",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "backchannel_requests_by_tenant_created_at_id" ON "backchannel_requests" (
    "tenant",
    "created_at",
    "id"
  )`,
  `CREATE INDEX "backchannel_requests_by_next_attempt_at" ON "backchannel_requests" (
    "next_attempt_at" NULLS FIRST
  )`,
  `CREATE INDEX "backchannel_requests_by_expires_at_seconds" ON "backchannel_requests" (
    "expires_at_seconds"
  )`,
];
