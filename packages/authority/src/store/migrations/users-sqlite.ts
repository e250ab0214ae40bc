/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const usersSqlite: readonly string[] = [
  `CREATE TABLE "users" (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "username" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "sealed_claims" BLOB,
    "password_hash" TEXT,
    "created_at" INTEGER NOT NULL,
    "updated_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "id")
  ) STRICT`,
  `CREATE INDEX "users_by_tenant_created_at_id" ON "users" (
    "tenant",
    "created_at",
    "id"
  )`,
  `CREATE TABLE "usernames" (
    "tenant" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    PRIMARY KEY ("tenant", "key")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "sign_in_attempts" (
    "tenant" TEXT NOT NULL,
    "account" TEXT NOT NULL,
    "failures" INTEGER NOT NULL,
    "locked_until" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "account")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "sign_in_attempts_by_expires_at_seconds" ON "sign_in_attempts" (
    "expires_at_seconds"
  )`,
];
