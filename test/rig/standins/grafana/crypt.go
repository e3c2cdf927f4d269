package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"unicode"
)

// Grafana's own parameters: PBKDF2-SHA256, 10,000 rounds, 50 bytes.
func hashPassword(password, salt string) string {
	b, err := pbkdf2.Key(sha256.New, password, []byte(salt), 10000, 50)
	if err != nil {
		panic(err) // only for wrong parameters
	}
	return hex.EncodeToString(b)
}

func (u *User) Matches(password string) bool {
	return subtle.ConstantTimeCompare([]byte(hashPassword(password, u.Salt)), []byte(u.Password)) == 1
}

func (u *User) SetPassword(password string) {
	u.Salt = randomHex(8)
	u.Password = hashPassword(password, u.Salt)
}

// weak gives the reason why a password is refused, or nil. Grafana wants 4 characters, with its policy 12 of four kinds.
func weak(password string, policy bool) error {
	if !policy {
		if len(password) < 4 {
			return errors.New("new password is too short")
		}
		return nil
	}
	var upper, lower, digit, symbol bool
	for _, r := range password {
		upper = upper || unicode.IsUpper(r)
		lower = lower || unicode.IsLower(r)
		digit = digit || unicode.IsDigit(r)
		symbol = symbol || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	if len(password) < 12 || !upper || !lower || !digit || !symbol {
		return errors.New("new password doesn't meet the password policy")
	}
	return nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// seal keeps datasource secrets unreadable in the data volume, as the real database does with secret_key.
func seal(secretKey, plain string) string {
	g := gcm(secretKey)
	nonce := make([]byte, g.NonceSize())
	rand.Read(nonce)
	return base64.StdEncoding.EncodeToString(g.Seal(nonce, nonce, []byte(plain), nil))
}

func unseal(secretKey, sealed string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	g := gcm(secretKey)
	if err != nil || len(b) < g.NonceSize() {
		return "", errors.New("a stored secret is damaged")
	}
	plain, err := g.Open(nil, b[:g.NonceSize()], b[g.NonceSize():], nil)
	if err != nil {
		return "", errors.New("a stored secret does not open: was security.secret_key changed?")
	}
	return string(plain), nil
}

func gcm(secretKey string) cipher.AEAD {
	key := sha256.Sum256([]byte(secretKey))
	block, _ := aes.NewCipher(key[:])
	g, _ := cipher.NewGCM(block)
	return g
}

func sha(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}
