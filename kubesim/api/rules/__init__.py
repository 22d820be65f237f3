"""What objects may be: defaults and validation, kind by kind. Pure: trees in, trees and causes out."""
