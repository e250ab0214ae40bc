import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.util.DefaultResourceRetriever;
import com.nimbusds.oauth2.sdk.*;
import com.nimbusds.oauth2.sdk.auth.*;
import com.nimbusds.oauth2.sdk.dpop.DPoPProofFactory;
import com.nimbusds.oauth2.sdk.dpop.DefaultDPoPProofFactory;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.http.HTTPResponse;
import com.nimbusds.oauth2.sdk.id.*;
import com.nimbusds.oauth2.sdk.pkce.*;
import com.nimbusds.oauth2.sdk.token.*;
import com.nimbusds.oauth2.sdk.util.JSONObjectUtils;
import com.nimbusds.openid.connect.sdk.*;
import com.nimbusds.openid.connect.sdk.Nonce;
import com.nimbusds.openid.connect.sdk.claims.IDTokenClaimsSet;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;
import javax.net.ssl.*;
import net.minidev.json.JSONObject;

/**
 * A Java application that signs people in by Nimbus' OAuth 2.0 SDK. Reads a JSON object from
 * standard input, prints one with what every step gave. It judges nothing: nimbus.suite.ts does.
 * The SDK verifies states, issuers, ID tokens and key bindings, and throws.
 */
public class SignIn {
  private final Map<String, Object> given;
  private final OIDCProviderMetadata metadata;
  private final SSLSocketFactory trusting;

  public static void main(String[] args) throws Exception {
    var text = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
    var self = new SignIn(JSONObjectUtils.parse(text));
    var told = new HashMap<String, Object>();
    told.put("certificate", self.byCertificate());
    told.put("key", self.byKey());
    System.out.println(new JSONObject(told).toJSONString());
  }

  private SignIn(Map<String, Object> given) throws Exception {
    this.given = given;
    trusting = sockets(null);
    HTTPRequest.setDefaultSSLSocketFactory(trusting);
    metadata = OIDCProviderMetadata.resolve(new Issuer(text("issuer")));
  }

  /** RFC 8705: the certificate authenticates, and the tokens are bound to it. */
  private Map<String, Object> byCertificate() throws Exception {
    var certificate = JSONObjectUtils.getJSONObject(asJson(), "certificate");
    var own = sockets(certificate);
    var client = new ClientID("by-certificate");
    var authentication = new PKITLSClientAuthentication(client, own);
    var asked = ask(client, () -> authentication, null);
    var request = new TokenRequest(metadata.getTokenEndpointURI(), authentication, asked.grant());
    var tokens = tokensOf(request.toHTTPRequest().send());
    var told = new HashMap<String, Object>();
    told.put("claims", validated(client, tokens, asked.nonce()));
    told.put("thumbprint", confirmed(authentication, tokens.getAccessToken())
        .getX509CertificateConfirmation() != null);
    told.put("over_own", call(tokens.getAccessToken(), own, null).getStatusCode());
    told.put("over_other", call(tokens.getAccessToken(), trusting, null).getStatusCode());
    return told;
  }

  /** RFC 9449: a proof with each request, and again with the nonce that the server asks for. */
  private Map<String, Object> byKey() throws Exception {
    var client = new ClientID("by-key");
    var proofs = new DefaultDPoPProofFactory(
        new ECKeyGenerator(Curve.P_256).generate(), JWSAlgorithm.ES256);
    var asked = ask(client, () -> assertion(client), proofs);
    var tokens = tokensOf(send(proofs, null, () -> tokenRequest(client, asked.grant())));
    var access = tokens.getDPoPAccessToken();
    var told = new HashMap<String, Object>();
    told.put("claims", validated(client, tokens, asked.nonce()));
    told.put("userinfo", userInfo(proofs, access));
    told.put("with_proof", call(access, trusting, proofs).getStatusCode());
    var thief = new DefaultDPoPProofFactory(
        new ECKeyGenerator(Curve.P_256).generate(), JWSAlgorithm.ES256);
    told.put("by_thief", call(access, trusting, thief).getStatusCode());
    told.put("thumbprint",
        confirmed(assertion(client), access).getJWKThumbprintConfirmation() != null);
    var again = new RefreshTokenGrant(tokens.getRefreshToken());
    var next = tokensOf(send(proofs, null, () -> tokenRequest(client, again)));
    told.put("refreshed", next.getDPoPAccessToken() != null);
    var revoked = new TokenRevocationRequest(
        metadata.getRevocationEndpointURI(), assertion(client), tokens.getRefreshToken());
    told.put("revoked", revoked.toHTTPRequest().send().getStatusCode());
    told.put("active_afterwards", introspected(assertion(client), access).isActive());
    return told;
  }

  private record Asked(AuthorizationCodeGrant grant, Nonce nonce) {}

  /** Pushes a request, lets the person answer it, and checks where the answer came from. */
  private Asked ask(ClientID client, Making<ClientAuthentication> by, DPoPProofFactory proofs)
      throws Exception {
    var back = URI.create(text("back"));
    var verifier = new CodeVerifier();
    var state = new State();
    var nonce = new Nonce();
    var scope = Scope.parse("openid email ledger:read");
    var request = new AuthenticationRequest.Builder(ResponseType.CODE, scope, client, back)
        .state(state).nonce(nonce).maxAge(300)
        .codeChallenge(verifier, CodeChallengeMethod.S256).build();
    var endpoint = metadata.getPushedAuthorizationRequestEndpointURI();
    Making<HTTPRequest> push =
        () -> new PushedAuthorizationRequest(endpoint, by.make(), request).toHTTPRequest();
    var pushed = proofs == null ? push.make().send() : send(proofs, null, push);
    var named = PushedAuthorizationResponse.parse(pushed).toSuccessResponse();
    var visit = new AuthenticationRequest.Builder(named.getRequestURI(), client)
        .endpointURI(metadata.getAuthorizationEndpointURI()).build().toURI();
    var answer = AuthenticationResponseParser.parse(visited(visit)).toSuccessResponse();
    if (!metadata.getIssuer().equals(answer.getIssuer())) throw new Exception("issuer");
    if (!state.equals(answer.getState())) throw new Exception("state");
    var code = answer.getAuthorizationCode();
    return new Asked(new AuthorizationCodeGrant(code, back, verifier), nonce);
  }

  private HTTPRequest tokenRequest(ClientID client, AuthorizationGrant grant) throws Exception {
    return new TokenRequest(metadata.getTokenEndpointURI(), assertion(client), grant)
        .toHTTPRequest();
  }

  private interface Making<T> {
    T make() throws Exception;
  }

  /** At most twice: without a nonce, and with the one that was asked for. */
  private HTTPResponse send(
      DPoPProofFactory proofs, AccessToken token, Making<HTTPRequest> requests) throws Exception {
    var first = proven(proofs, token, requests.make(), null).send();
    var nonce = first.getDPoPNonce();
    var isAsked = first.getStatusCode() == 400 || first.getStatusCode() == 401;
    if (!isAsked || nonce == null) return first;
    return proven(proofs, token, requests.make(), nonce).send();
  }

  private HTTPRequest proven(
      DPoPProofFactory proofs, AccessToken token, HTTPRequest request, Nonce nonce)
      throws Exception {
    var method = request.getMethod().name();
    var uri = request.getURI();
    request.setDPoP(token == null
        ? proofs.createDPoPJWT(method, uri, nonce)
        : proofs.createDPoPJWT(method, uri, token, nonce));
    return request;
  }

  private static Tokens tokensOf(HTTPResponse answer) throws Exception {
    var response = OIDCTokenResponseParser.parse(answer);
    if (response.indicatesSuccess()) return response.toSuccessResponse().getTokens();
    throw new Exception(response.toErrorResponse().getErrorObject().toJSONObject().toString());
  }

  private Map<String, Object> validated(ClientID client, Tokens tokens, Nonce nonce)
      throws Exception {
    var validator = new IDTokenValidator(
        metadata.getIssuer(), client, JWSAlgorithm.ES256, metadata.getJWKSetURI().toURL(),
        new DefaultResourceRetriever(5000, 5000, 100_000, true, trusting));
    IDTokenClaimsSet claims = validator.validate(tokens.toOIDCTokens().getIDToken(), nonce);
    return claims.toJSONObject();
  }

  private Map<String, Object> userInfo(DPoPProofFactory proofs, AccessToken token)
      throws Exception {
    var endpoint = metadata.getUserInfoEndpointURI();
    var answer = send(proofs, token, () -> new UserInfoRequest(endpoint, token).toHTTPRequest());
    return UserInfoResponse.parse(answer).toSuccessResponse().getUserInfo().toJSONObject();
  }

  /** A request to the API behind the gateway. */
  private HTTPResponse call(AccessToken token, SSLSocketFactory over, DPoPProofFactory proofs)
      throws Exception {
    Making<HTTPRequest> requests = () -> {
      var request = new HTTPRequest(HTTPRequest.Method.GET, URI.create(text("api")));
      request.setAuthorization(token.toAuthorizationHeader());
      request.setSSLSocketFactory(over);
      return request;
    };
    return proofs == null ? requests.make().send() : send(proofs, token, requests);
  }

  private TokenIntrospectionSuccessResponse introspected(ClientAuthentication by, AccessToken token)
      throws Exception {
    var request =
        new TokenIntrospectionRequest(metadata.getIntrospectionEndpointURI(), by, token);
    return TokenIntrospectionResponse.parse(request.toHTTPRequest().send()).toSuccessResponse();
  }

  private TokenIntrospectionSuccessResponse confirmed(ClientAuthentication by, AccessToken token)
      throws Exception {
    var seen = introspected(by, token);
    if (!seen.isActive()) throw new Exception("not active");
    return seen;
  }

  private PrivateKeyJWT assertion(ClientID client) throws Exception {
    var key = ECKey.parse(JSONObjectUtils.getJSONObject(asJson(), "key"));
    return new PrivateKeyJWT(
        client, URI.create(text("issuer")), JWSAlgorithm.ES256, key.toECPrivateKey(), "one", null);
  }

  /** Whoever started this has a person at hand. */
  private URI visited(URI url) throws Exception {
    var line = text("desk") + "?url=" + URLEncoder.encode(url.toString(), StandardCharsets.UTF_8);
    var answer = HttpClient.newHttpClient().send(
        HttpRequest.newBuilder(URI.create(line)).build(), HttpResponse.BodyHandlers.ofString());
    return URI.create(answer.body());
  }

  private String text(String name) {
    return (String) given.get(name);
  }

  private JSONObject asJson() {
    return new JSONObject(given);
  }

  /** Sockets that trust the run's authority, and show a certificate where there is one. */
  private SSLSocketFactory sockets(Map<String, Object> own) throws Exception {
    var trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("ca", certificate(text("ca")));
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    KeyManager[] keys = null;
    if (own != null) {
      var store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      var pem = ((String) own.get("key")).replaceAll("-----[^-]+-----|\\s", "");
      var key = KeyFactory.getInstance("EC")
          .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
      var chain = new Certificate[] {certificate((String) own.get("cert"))};
      store.setKeyEntry("own", key, new char[0], chain);
      var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      managers.init(store, new char[0]);
      keys = managers.getKeyManagers();
    }
    var context = SSLContext.getInstance("TLS");
    context.init(keys, trust.getTrustManagers(), null);
    return context.getSocketFactory();
  }

  private static Certificate certificate(String pem) throws Exception {
    var bytes = new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII));
    return CertificateFactory.getInstance("X.509").generateCertificate(bytes);
  }
}
