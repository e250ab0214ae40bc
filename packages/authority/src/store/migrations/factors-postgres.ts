/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const factorsPostgres: readonly string[] = [
  `CREATE TABLE "user_totp" (
    "tenant" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C" NOT NULL,
    "sealed_secret" bytea NOT NULL,
    "last_step" bigint NOT NULL,
    "confirmed_at" bigint,
    "created_at" bigint NOT NULL,
    "version" bigint NOT NULL,
    PRIMARY KEY ("tenant", "user_id")
  )`,
  `CREATE TABLE "user_recovery_codes" (
    "tenant" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C" NOT NULL,
    "hash" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    PRIMARY KEY ("tenant", "user_id", "hash")
  )`,
  `CREATE TABLE "user_passkeys" (
    "tenant" text COLLATE "C" NOT NULL,
    "credential_id" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C" NOT NULL,
    "public_key" bytea NOT NULL,
    "sign_count" bigint NOT NULL,
    "transports" text COLLATE "C" NOT NULL,
    "synced" bigint NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "last_used_at" bigint,
    PRIMARY KEY ("tenant", "credential_id")
  )`,
  `CREATE INDEX "user_passkeys_by_tenant_user_id_created_at_credential_id" ON "user_passkeys" (
    "tenant",
    "user_id",
    "created_at",
    "credential_id"
  )`,
  `CREATE TABLE "passkey_challenges" (
    "tenant" text COLLATE "C" NOT NULL,
    "challenge" text COLLATE "C" NOT NULL,
    "purpose" text COLLATE "C" NOT NULL,
    "binding" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C",
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "challenge")
  )`,
  `CREATE INDEX "passkey_challenges_by_expires_at_seconds" ON "passkey_challenges" (
    "expires_at_seconds"
  )`,
  `CREATE TABLE "password_resets" (
    "tenant" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C" NOT NULL,
    "hash" text COLLATE "C" NOT NULL,
    "created_at" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "user_id")
  )`,
  `CREATE INDEX "password_resets_by_expires_at_seconds" ON "password_resets" (
    "expires_at_seconds"
  )`,
];
