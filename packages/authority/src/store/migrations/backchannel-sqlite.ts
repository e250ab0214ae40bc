/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const backchannelSqlite: readonly string[] = [
  `CREATE TABLE "backchannel_requests" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "hash" BLOB NOT NULL,
    "pepper_version" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "asked" TEXT NOT NULL,
    "terms" TEXT NOT NULL,
    "family" TEXT,
    "position" INTEGER NOT NULL,
    "poll_seconds" INTEGER NOT NULL,
    "next_poll_at" INTEGER NOT NULL,
    "sealed_ping" BLOB,
    "attempts" INTEGER NOT NULL,
    "next_attempt_at" INTEGER,
    "created_at" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
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
    "next_attempt_at"
  )`,
  `CREATE INDEX "backchannel_requests_by_expires_at_seconds" ON "backchannel_requests" (
    "expires_at_seconds"
  )`,
];
