package fetch

import "time"

// Grant is how the consent is doing with which an account logs in (OAuth).
type Grant struct {
	Until      time.Time `json:"until,omitzero"` // end of the access token; zero = there is none
	Renews     bool      `json:"renews"`         // then another one comes without anybody
	NeedsLogin bool      `json:"needs_login"`    // somebody has to consent again
}
