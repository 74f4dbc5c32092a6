package auth

// CredentialError means that there is nothing to authorize a request with: what
// the application gave to take credentials from failed, or gave something that
// cannot be sent. Its text does not hold the credentials.
type CredentialError struct {
	Source string // what they were to come from, such as "token source"
	Err    error
}

func (e *CredentialError) Error() string {
	return "no usable credentials from the " + e.Source + ": " + clip(e.Err.Error())
}

// Unwrap returns what went wrong.
func (e *CredentialError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrAuthorization].
func (e *CredentialError) Is(target error) bool { return target == ErrAuthorization }

// Temporary reports whether a later try may succeed without a change.
func (e *CredentialError) Temporary() bool { return isTemporary(e.Err) }
