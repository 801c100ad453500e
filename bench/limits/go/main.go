// The Go peer: signed quotes with net/http, redigo and one Valkey call per request. It does the same
// work: key, HMAC, nonce and weight with the admission script of the service, the same pricing, and
// the same response bytes. BENCH_PEER is the path of its configuration; the argument is its port.
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
	Code       string  `json:"code"`
	Coin       string  `json:"coin"`
	Network    string  `json:"network"`
	Chain      string  `json:"chain"`
	ChainID    *int64  `json:"chain_id"`
	Contract   *string `json:"contract"`
	Precision  int     `json:"precision"`
	NetworkFee int64   `json:"network_fee"`
	FeeBps     int64   `json:"fee_bps"`
}

type peerConfig struct {
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
	Chain     string  `json:"chain"`
	ChainID   *int64  `json:"chainId"`
	Contract  *string `json:"contract"`
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

// The common part of all quotes of the pair with one snapshot and one markup.
type priced struct {
	sourcePrice, destinationPrice, btcPrice *big.Int
	rate                                    *big.Int
	rateDecimals                            int
	rateText, inverseText                   string
	sourceMin, sourceMax                    *big.Int
	destinationMin, destinationMax          *big.Int
	markupBps                               int64
}

type snapshot struct {
	At     float64           `json:"at"`
	Prices map[string]string `json:"prices"`
}

const (
	usdDecimals = 18
	weight      = 1
	revision    = 1 << 53 // newer than any: the record of the only partner is never outdated
	maxAge      = 60
)

var (
	one       = big.NewInt(1)
	noncePart = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)
	plain     = regexp.MustCompile(`^[0-9]{1,20}(\.[0-9]+)?$`)
	config    peerConfig
	newest    atomic.Value // snapshot
	prepared  atomic.Value // map[int64]*priced of the newest snapshot, by markup
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
	source, destination := config.Source, config.Destination
	p := &priced{markupBps: markup}
	p.sourcePrice = usdUnits(now.Prices[source.Coin])
	p.destinationPrice = usdUnits(now.Prices[destination.Coin])
	p.btcPrice = usdUnits(now.Prices["BTC"])
	margin := big.NewInt(10000 - destination.FeeBps - markup)
	p.rate, p.rateDecimals = ratio(mul(p.sourcePrice, margin), mul(p.destinationPrice, big.NewInt(10000)))
	p.rateText = format(p.rate, p.rateDecimals)
	inverse, decimals := ratio(tenTo(p.rateDecimals), p.rate)
	p.inverseText = format(inverse, decimals)
	minimum, _ := new(big.Int).SetString(config.MinUSD, 10)
	maximum, _ := new(big.Int).SetString(config.MaxUSD, 10)
	p.sourceMin = up(mul(minimum, tenTo(source.Precision)), p.sourcePrice)
	p.sourceMax = down(mul(maximum, tenTo(source.Precision)), p.sourcePrice)
	p.destinationMin = up(mul(minimum, tenTo(destination.Precision)), p.destinationPrice)
	p.destinationMax = down(mul(maximum, tenTo(destination.Precision)), p.destinationPrice)
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
	source, destination := config.Source, config.Destination
	fee := big.NewInt(destination.NetworkFee)
	scale := tenTo(source.Precision + p.rateDecimals)
	rate := mul(p.rate, tenTo(destination.Precision))
	var sourceAmount, paid, minimum, maximum *big.Int
	if direction == "from" {
		sourceAmount, minimum, maximum = amount, p.sourceMin, p.sourceMax
		paid = new(big.Int).Sub(down(mul(amount, rate), scale), fee)
		if paid.Sign() < 0 {
			paid = new(big.Int)
		}
	} else {
		paid, minimum, maximum = amount, p.destinationMin, p.destinationMax
		sourceAmount = up(mul(new(big.Int).Add(amount, fee), scale), rate)
	}
	problems := []string{}
	if amount.Cmp(minimum) < 0 || paid.Sign() == 0 {
		problems = append(problems, "LIMIT_MIN")
	} else if amount.Cmp(maximum) > 0 {
		problems = append(problems, "LIMIT_MAX")
	}
	worth := mul(sourceAmount, p.sourcePrice)
	btc := format(halfUp(mul(worth, tenTo(8)), mul(p.btcPrice, tenTo(source.Precision))), 8)
	return quoteOut{
		Source: sideOut{
			Code: source.Code, Coin: source.Coin, Network: source.Network,
			Chain: source.Chain, ChainID: source.ChainID, Contract: source.Contract,
			Amount: format(sourceAmount, source.Precision), Rate: p.rateText, Precision: source.Precision,
			Min: format(p.sourceMin, source.Precision), Max: format(p.sourceMax, source.Precision),
			USD: format(halfUp(worth, tenTo(source.Precision+usdDecimals-2)), 2), BTC: &btc,
		},
		Destination: sideOut{
			Code: destination.Code, Coin: destination.Coin, Network: destination.Network,
			Chain: destination.Chain, ChainID: destination.ChainID, Contract: destination.Contract,
			Amount: format(paid, destination.Precision), Rate: p.inverseText, Precision: destination.Precision,
			Min: format(p.destinationMin, destination.Precision),
			Max: format(p.destinationMax, destination.Precision),
			USD: format(halfUp(mul(paid, p.destinationPrice), tenTo(destination.Precision+usdDecimals-2)), 2),
		},
		NetworkFee: format(fee, destination.Precision),
		Errors:     problems,
		MarkupBps:  p.markupBps,
	}
}

func follow(pool *redis.Pool) {
	for {
		connection := pool.Get()
		stored, err := redis.Bytes(connection.Do("GET", "rates:snapshot"))
		connection.Close()
		var fetched snapshot
		if err == nil && json.Unmarshal(stored, &fetched) == nil {
			if known, ok := newest.Load().(snapshot); !ok || fetched.At > known.At {
				newest.Store(fetched)
				prepared.Store(map[int64]*priced{})
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func main() {
	file, err := os.ReadFile(os.Getenv("BENCH_PEER"))
	if err == nil {
		err = json.Unmarshal(file, &config)
	}
	if err != nil {
		log.Fatal(err)
	}
	valkey, err := url.Parse(config.ValkeyURL)
	if err != nil {
		log.Fatal(err)
	}
	password, _ := valkey.User.Password()
	pool := &redis.Pool{
		MaxIdle: 64,
		Dial: func() (redis.Conn, error) {
			return redis.Dial("unix", valkey.Path,
				redis.DialUsername(valkey.User.Username()), redis.DialPassword(password))
		},
	}
	script := redis.NewScript(0, config.Script)
	loading := pool.Get() // its user may not call EVAL, which Do would fall back to
	if err := script.Load(loading); err != nil {
		log.Fatal(err)
	}
	loading.Close()
	go follow(pool)
	tag := "{p:" + config.ID + "}"
	http.HandleFunc("/v1/price", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64*1024))
		if err != nil {
			w.WriteHeader(413)
			return
		}
		mac := hmac.New(sha256.New, []byte(config.APISecret))
		key, nonce := r.Header.Get("X-API-KEY"), r.Header.Get("X-API-NONCE")
		if r.Header.Get("X-API-SIGN-VERSION") == "2" {
			mac.Write([]byte("v2\n" + r.Method + "\n" + r.URL.Path + "\n" + key + "\n" + nonce + "\n"))
		}
		mac.Write(body)
		sign, err := hex.DecodeString(r.Header.Get("X-API-SIGN"))
		if err != nil || key != config.APIKey ||
			!hmac.Equal(sign, mac.Sum(nil)) || !noncePart.MatchString(nonce) {
			w.WriteHeader(401)
			return
		}
		connection := pool.Get()
		arguments := make([]byte, 16)
		binary.BigEndian.PutUint32(arguments, uint32(config.Budget))
		binary.BigEndian.PutUint32(arguments[4:], weight)
		binary.BigEndian.PutUint64(arguments[8:], revision)
		admitted, err := redis.Bytes(script.Do(connection, arguments,
			"nonces:since", tag+":weights", tag+":revision", tag+":nonce:"+nonce))
		connection.Close()
		if err != nil || len(admitted) != 16 || binary.BigEndian.Uint32(admitted) != 0 {
			w.WriteHeader(429)
			return
		}
		var request priceIn
		if json.Unmarshal(body, &request) != nil || request.Type != "float" ||
			request.FromCcy != config.Source.Code || request.ToCcy != config.Destination.Code ||
			(request.Direction != "from" && request.Direction != "to") {
			w.WriteHeader(400)
			return
		}
		precision := config.Source.Precision
		if request.Direction == "to" {
			precision = config.Destination.Precision
		}
		amount, ok := parse(request.Amount, precision)
		markup := config.MarkupBps
		if request.Afftax != nil {
			markup = *request.Afftax
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
		response, err := json.Marshal(envelope{Data: quote(p, request.Direction, amount)})
		if err != nil {
			w.WriteHeader(500)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(response)))
		w.Write(response)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
