/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const usersPostgres: readonly string[] = [
  `CREATE TABLE "users" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "username" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "sealed_claims" bytea,
    "password_hash" text COLLATE "C",
    "created_at" bigint NOT NULL,
    "updated_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "users_by_tenant_created_at_id" ON "users" (
    "tenant",
    "created_at",
    "id"
  )`,
  `CREATE TABLE "usernames" (
    "tenant" text COLLATE "C" NOT NULL,
    "key" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("tenant", "key")
  )`,
  `CREATE TABLE "sign_in_attempts" (
    "tenant" text COLLATE "C" NOT NULL,
    "account" text COLLATE "C" NOT NULL,
    "failures" bigint NOT NULL,
    "locked_until" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "account")
  )`,
  `CREATE INDEX "sign_in_attempts_by_expires_at_seconds" ON "sign_in_attempts" (
    "expires_at_seconds"
  )`,
];
