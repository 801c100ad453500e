// The signed quote in Go: net/http, redigo, one Valkey call per request. The same work to the byte:
// key, HMAC, nonce and weight by the script that ours uses, the same pricing, the same answer.
// BENCH_PEER names a file that says whose calls it takes; the argument is its port on 127.0.0.1.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

type asset struct {
	Code       string `json:"code"`
	Coin       string `json:"coin"`
	Network    string `json:"network"`
	Precision  int    `json:"precision"`
	NetworkFee int64  `json:"network_fee"`
	FeeBps     int64  `json:"fee_bps"`
}

type known struct {
	ID          string `json:"id"`
	APIKey      string `json:"api_key"`
	APISecret   string `json:"api_secret"`
	Budget      int    `json:"budget"`
	MarkupBps   int64  `json:"markup_bps"`
	ValkeyURL   string `json:"valkey_url"`
	Script      string `json:"script"`
	Source      asset  `json:"source"`
	Destination asset  `json:"destination"`
	MinUSD      string `json:"min_usd"`
	MaxUSD      string `json:"max_usd"`
}

type priceIn struct {
	Type      string `json:"type"`
	FromCcy   string `json:"fromCcy"`
	ToCcy     string `json:"toCcy"`
	Direction string `json:"direction"`
	Amount    string `json:"amount"`
	Afftax    *int64 `json:"afftax"`
}

type sideOut struct {
	Code      string  `json:"code"`
	Coin      string  `json:"coin"`
	Network   string  `json:"network"`
	Amount    string  `json:"amount"`
	Rate      string  `json:"rate"`
	Precision int     `json:"precision"`
	Min       string  `json:"min"`
	Max       string  `json:"max"`
	USD       string  `json:"usd"`
	BTC       *string `json:"btc,omitempty"`
}

type quoteOut struct {
	Source      sideOut  `json:"from"`
	Destination sideOut  `json:"to"`
	NetworkFee  string   `json:"networkFee"`
	Errors      []string `json:"errors"`
	MarkupBps   int64    `json:"markupBps"`
}

type envelope struct {
	Code int      `json:"code"`
	Msg  string   `json:"msg"`
	Data quoteOut `json:"data"`
}

// What all quotes of the pair at one snapshot and one markup share.
type priced struct {
	sourcePrice, destinationPrice, btcPrice *big.Int
	rate                                    *big.Int
	rateDecimals                            int
	rateText, inverseText                   string
	sourceLeast, sourceMost                 *big.Int
	destinationLeast, destinationMost       *big.Int
	markupBps                               int64
}

type snapshot struct {
	At     float64           `json:"at"`
	Prices map[string]string `json:"prices"`
}

const (
	usdDecimals = 18
	weight      = 1
	generation  = 1
	maxAge      = 60
)

var (
	one       = big.NewInt(1)
	noncePart = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)
	plain     = regexp.MustCompile(`^[0-9]{1,20}(\.[0-9]+)?$`)
	told      known
	newest    atomic.Value // snapshot
	prepared  atomic.Value // map[int64]*priced of the newest snapshot, at the markup asked for
)

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func mul(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }

func down(a, b *big.Int) *big.Int { return new(big.Int).Quo(a, b) }

func up(a, b *big.Int) *big.Int {
	return new(big.Int).Quo(new(big.Int).Sub(new(big.Int).Add(a, b), one), b)
}

func halfUp(a, b *big.Int) *big.Int {
	two := big.NewInt(2)
	return new(big.Int).Quo(new(big.Int).Add(mul(two, a), b), mul(two, b))
}

func format(units *big.Int, decimals int) string {
	text := units.String()
	if len(text) <= decimals {
		text = strings.Repeat("0", decimals+1-len(text)) + text
	}
	if decimals == 0 {
		return text
	}
	return text[:len(text)-decimals] + "." + text[len(text)-decimals:]
}

func parse(text string, decimals int) (*big.Int, bool) {
	if !plain.MatchString(text) {
		return nil, false
	}
	parts := strings.SplitN(text, ".", 2)
	fraction := ""
	if len(parts) == 2 {
		fraction = parts[1]
	}
	if len(fraction) > decimals {
		return nil, false
	}
	units, ok := new(big.Int).SetString(parts[0]+fraction+strings.Repeat("0", decimals-len(fraction)), 10)
	return units, ok && units.Sign() > 0
}

func usdUnits(text string) *big.Int {
	units, ok := parse(text, usdDecimals)
	if !ok {
		return new(big.Int)
	}
	return units
}

// A quotient with at least 8 decimals and at least 10 significant digits, rounded down.
func ratio(numerator, denominator *big.Int) (*big.Int, int) {
	decimals := 8
	digits := down(mul(numerator, tenTo(decimals)), denominator)
	for digits.Cmp(tenTo(9)) < 0 {
		if digits.Sign() > 0 {
			decimals += 10 - len(digits.String())
		} else {
			decimals += 10
		}
		digits = down(mul(numerator, tenTo(decimals)), denominator)
	}
	return digits, decimals
}

func prepare(now snapshot, markup int64) *priced {
	source, destination := told.Source, told.Destination
	p := &priced{markupBps: markup}
	p.sourcePrice = usdUnits(now.Prices[source.Coin])
	p.destinationPrice = usdUnits(now.Prices[destination.Coin])
	p.btcPrice = usdUnits(now.Prices["BTC"])
	margin := big.NewInt(10000 - destination.FeeBps - markup)
	p.rate, p.rateDecimals = ratio(mul(p.sourcePrice, margin), mul(p.destinationPrice, big.NewInt(10000)))
	p.rateText = format(p.rate, p.rateDecimals)
	inverse, decimals := ratio(tenTo(p.rateDecimals), p.rate)
	p.inverseText = format(inverse, decimals)
	least, _ := new(big.Int).SetString(told.MinUSD, 10)
	most, _ := new(big.Int).SetString(told.MaxUSD, 10)
	p.sourceLeast = up(mul(least, tenTo(source.Precision)), p.sourcePrice)
	p.sourceMost = down(mul(most, tenTo(source.Precision)), p.sourcePrice)
	p.destinationLeast = up(mul(least, tenTo(destination.Precision)), p.destinationPrice)
	p.destinationMost = down(mul(most, tenTo(destination.Precision)), p.destinationPrice)
	return p
}

func pricedAt(markup int64) *priced {
	now, ok := newest.Load().(snapshot)
	if !ok || float64(time.Now().Unix())-now.At > maxAge {
		return nil
	}
	table, _ := prepared.Load().(map[int64]*priced)
	if p := table[markup]; p != nil {
		return p
	}
	p := prepare(now, markup)
	prepared.Store(map[int64]*priced{markup: p})
	return p
}

func quote(p *priced, direction string, amount *big.Int) quoteOut {
	source, destination := told.Source, told.Destination
	fee := big.NewInt(destination.NetworkFee)
	scale := tenTo(source.Precision + p.rateDecimals)
	rate := mul(p.rate, tenTo(destination.Precision))
	var given, paid, least, most *big.Int
	if direction == "from" {
		given, least, most = amount, p.sourceLeast, p.sourceMost
		paid = new(big.Int).Sub(down(mul(amount, rate), scale), fee)
		if paid.Sign() < 0 {
			paid = new(big.Int)
		}
	} else {
		paid, least, most = amount, p.destinationLeast, p.destinationMost
		given = up(mul(new(big.Int).Add(amount, fee), scale), rate)
	}
	refusals := []string{}
	if amount.Cmp(least) < 0 || paid.Sign() == 0 {
		refusals = append(refusals, "LIMIT_MIN")
	} else if amount.Cmp(most) > 0 {
		refusals = append(refusals, "LIMIT_MAX")
	}
	worth := mul(given, p.sourcePrice)
	btc := format(halfUp(mul(worth, tenTo(8)), mul(p.btcPrice, tenTo(source.Precision))), 8)
	return quoteOut{
		Source: sideOut{
			Code: source.Code, Coin: source.Coin, Network: source.Network,
			Amount: format(given, source.Precision), Rate: p.rateText, Precision: source.Precision,
			Min: format(p.sourceLeast, source.Precision), Max: format(p.sourceMost, source.Precision),
			USD: format(halfUp(worth, tenTo(source.Precision+usdDecimals-2)), 2), BTC: &btc,
		},
		Destination: sideOut{
			Code: destination.Code, Coin: destination.Coin, Network: destination.Network,
			Amount: format(paid, destination.Precision), Rate: p.inverseText, Precision: destination.Precision,
			Min: format(p.destinationLeast, destination.Precision),
			Max: format(p.destinationMost, destination.Precision),
			USD: format(halfUp(mul(paid, p.destinationPrice), tenTo(destination.Precision+usdDecimals-2)), 2),
		},
		NetworkFee: format(fee, destination.Precision),
		Errors:     refusals,
		MarkupBps:  p.markupBps,
	}
}

func follow(pool *redis.Pool) {
	for {
		connection := pool.Get()
		stored, err := redis.Bytes(connection.Do("GET", "rates:snapshot"))
		connection.Close()
		var found snapshot
		if err == nil && json.Unmarshal(stored, &found) == nil {
			if known, ok := newest.Load().(snapshot); !ok || found.At > known.At {
				newest.Store(found)
				prepared.Store(map[int64]*priced{})
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func main() {
	file, err := os.ReadFile(os.Getenv("BENCH_PEER"))
	if err == nil {
		err = json.Unmarshal(file, &told)
	}
	if err != nil {
		log.Fatal(err)
	}
	path, err := url.PathUnescape(strings.TrimPrefix(told.ValkeyURL, "unix://"))
	if err != nil {
		log.Fatal(err)
	}
	pool := &redis.Pool{
		MaxIdle: 64,
		Dial:    func() (redis.Conn, error) { return redis.Dial("unix", path) },
	}
	script := redis.NewScript(-1, told.Script)
	go follow(pool)
	tag := "{p:" + told.ID + "}"
	http.HandleFunc("/v1/price", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64*1024))
		if err != nil {
			w.WriteHeader(413)
			return
		}
		mac := hmac.New(sha256.New, []byte(told.APISecret))
		mac.Write(body)
		sign, err := hex.DecodeString(r.Header.Get("X-API-SIGN"))
		nonce := r.Header.Get("X-API-NONCE")
		if err != nil || r.Header.Get("X-API-KEY") != told.APIKey ||
			!hmac.Equal(sign, mac.Sum(nil)) || !noncePart.MatchString(nonce) {
			w.WriteHeader(401)
			return
		}
		connection := pool.Get()
		asks := make([]byte, 12)
		binary.BigEndian.PutUint32(asks, uint32(told.Budget))
		binary.BigEndian.PutUint32(asks[4:], weight)
		binary.BigEndian.PutUint32(asks[8:], generation)
		admitted, err := redis.Bytes(script.Do(connection, 3,
			tag+":weights", tag+":generation", tag+":nonce:"+nonce, asks))
		connection.Close()
		if err != nil || len(admitted) != 12 || binary.BigEndian.Uint32(admitted) != 0 {
			w.WriteHeader(429)
			return
		}
		var asked priceIn
		if json.Unmarshal(body, &asked) != nil || asked.Type != "float" ||
			asked.FromCcy != told.Source.Code || asked.ToCcy != told.Destination.Code ||
			(asked.Direction != "from" && asked.Direction != "to") {
			w.WriteHeader(400)
			return
		}
		precision := told.Source.Precision
		if asked.Direction == "to" {
			precision = told.Destination.Precision
		}
		amount, ok := parse(asked.Amount, precision)
		markup := told.MarkupBps
		if asked.Afftax != nil {
			markup = *asked.Afftax
		}
		if !ok || markup < 0 || markup > 2000 {
			w.WriteHeader(400)
			return
		}
		p := pricedAt(markup)
		if p == nil {
			w.WriteHeader(503)
			return
		}
		answer, err := json.Marshal(envelope{Data: quote(p, asked.Direction, amount)})
		if err != nil {
			w.WriteHeader(500)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Write(answer)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
