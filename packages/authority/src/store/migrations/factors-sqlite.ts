/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const factorsSqlite: readonly string[] = [
  `CREATE TABLE "user_totp" (
    "tenant" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "sealed_secret" BLOB NOT NULL,
    "last_step" INTEGER NOT NULL,
    "confirmed_at" INTEGER,
    "created_at" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "user_id")
  ) STRICT`,
  `CREATE TABLE "user_recovery_codes" (
    "tenant" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "user_id", "hash")
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE "user_passkeys" (
    "tenant" TEXT NOT NULL,
    "credential_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "public_key" BLOB NOT NULL,
    "sign_count" INTEGER NOT NULL,
    "transports" TEXT NOT NULL,
    "synced" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "last_used_at" INTEGER,
    PRIMARY KEY ("tenant", "credential_id")
  ) STRICT`,
  `CREATE INDEX "user_passkeys_by_tenant_user_id_created_at_credential_id" ON "user_passkeys" (
    "tenant",
    "user_id",
    "created_at",
    "credential_id"
  )`,
  `CREATE TABLE "passkey_challenges" (
    "tenant" TEXT NOT NULL,
    "challenge" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "binding" TEXT NOT NULL,
    "user_id" TEXT,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "challenge")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "passkey_challenges_by_expires_at_seconds" ON "passkey_challenges" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "password_resets" (
    "tenant" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "created_at" INTEGER NOT NULL,
    "expires_at_seconds" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "user_id")
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX "password_resets_by_expires_at_seconds" ON "password_resets" (
    "expires_at_seconds"
  )`,
];
