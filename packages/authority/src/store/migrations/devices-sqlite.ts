/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const devicesSqlite: readonly string[] = [
  `CREATE TABLE "device_grants" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "hash" BLOB NOT NULL,
    "pepper_version" TEXT NOT NULL,
    "user_code" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "request" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "interval_seconds" INTEGER NOT NULL,
    "polled_at" INTEGER,
    "approval" TEXT NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id"),
    UNIQUE ("tenant", "user_code")
  ) STRICT`,
  `CREATE INDEX "device_grants_by_expires_at_seconds" ON "device_grants" (
    "expires_at_seconds"
  )`,
];
